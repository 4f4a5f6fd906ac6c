#include "train/muon.h"

namespace zebra {

at::Tensor orthogonalise(const at::Tensor& x, int64_t iterations) {
  const bool tall = x.size(-2) > x.size(-1);
  at::Tensor y = tall ? x.transpose(-2, -1) : x;
  y = y / (at::linalg_vector_norm(y, 2, {-2, -1}, true) + 1e-12);
  constexpr double a = 3.4445, b = -4.7750, c = 2.0315;
  for (int64_t i = 0; i < iterations; ++i) {
    const at::Tensor square = at::matmul(y, y.transpose(-2, -1));
    y = a * y + at::matmul(b * square + c * at::matmul(square, square), y);
  }
  return tall ? y.transpose(-2, -1) : y;
}

}  // namespace zebra
