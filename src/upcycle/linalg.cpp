#include "upcycle/linalg.h"

#include "base/error.h"

namespace zebra {

at::Tensor with_ridge(const at::Tensor& matrix, double ridge) {
  const auto mean = matrix.diagonal(0, -2, -1).mean(-1);
  return matrix + ridge * mean.unsqueeze(-1).unsqueeze(-1) * at::eye(matrix.size(-1), matrix.options());
}

at::Tensor symmetric_power(const at::Tensor& matrix, double power, double ridge) {
  const auto symmetric = (matrix + matrix.transpose(-2, -1)) / 2;
  const auto [values, vectors] = at::linalg_eigh(with_ridge(symmetric, ridge));
  // Rounding may leave tiny negative values; a zero matrix must not become infinite under a negative power.
  const auto largest = values.amax(-1, true).clamp_min(1e-30);
  const auto powers = at::maximum(values, largest * 1e-14).pow(power);
  return at::matmul(vectors * powers.unsqueeze(-2), vectors.transpose(-2, -1));
}

at::Tensor solve_positive(const at::Tensor& matrix, const at::Tensor& rhs) {
  auto symmetric = (matrix + matrix.transpose(-2, -1)) / 2;
  for (double ridge = 0; ridge < 1; ridge = ridge == 0 ? 1e-10 : ridge * 100) {
    const auto [factor, failed] = at::linalg_cholesky_ex(with_ridge(symmetric, ridge));
    if (failed.max().item<int>() == 0) return at::cholesky_solve(rhs, factor);
  }
  fail(ErrorKind::runtime,
       "the calibration statistics are not finite or all zero: check the teacher's weights and the "
       "calibration text");
}

at::Tensor top_eigenvectors(const at::Tensor& matrix, int64_t count) {
  const auto symmetric = (matrix + matrix.transpose(-2, -1).conj()) / 2;
  const auto vectors = std::get<1>(at::linalg_eigh(symmetric));
  const auto top = vectors.narrow(-1, matrix.size(-1) - count, count).flip(-1);
  const auto at_largest = top.gather(-2, top.abs().argmax(-2, true));  // [.., 1, count]
  return top * (at_largest.conj() / at_largest.abs());
}

Factors truncated_svd(const at::Tensor& matrix, int64_t count) {
  // The Gram matrix of the shorter side; squaring the singular values costs nothing that float64 lacks here.
  const bool wide = matrix.size(0) <= matrix.size(1);
  if (wide) {
    const auto up = top_eigenvectors(at::matmul(matrix, matrix.t()), count);
    return {up, at::matmul(up.t(), matrix)};
  }
  const auto right = top_eigenvectors(at::matmul(matrix.t(), matrix), count);  // [m, count]
  const auto scaled = at::matmul(matrix, right);                               // U S
  const auto sigma = scaled.norm(2, {0}, true).clamp_min(1e-30);
  return {scaled / sigma, sigma.t() * right.t()};
}

}  // namespace zebra
