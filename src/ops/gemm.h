#pragma once
// The CPU's own matrix products, for weights that stay in the cache. Larger ones are ATen's business.
#include "ops/cpu.h"

namespace zebra::ops {

constexpr int64_t kSmallWeight = int64_t{1} << 17;  // elements
constexpr int64_t kFewRows = 32;                    // below, packing the weight would not pay

inline bool is_small_gemm(const at::Tensor& x, const at::Tensor& weight) {
  return has_cpu_kernels(x) && weight.scalar_type() == x.scalar_type() && weight.numel() <= kSmallWeight &&
         weight.numel() > 0 && x.numel() / x.size(-1) >= kFewRows;
}

// weight [out, in] packed for x weight^T (to_input = false) or for dy weight (true).
template <class T>
at::Tensor packed_weight(const at::Tensor& weight, bool to_input) {
  const int64_t out = weight.size(0), in = weight.size(1);
  const int64_t inner = to_input ? out : in, cols = to_input ? in : out, panel = kernels::cpu<T>().gemm_panel;
  const at::Tensor packed = at::empty({(cols + panel - 1) / panel, inner, panel}, weight.options());
  const int64_t by_out = weight.stride(0), by_in = weight.stride(1);
  kernels::cpu<T>().pack({.inner = inner,
                          .cols = cols,
                          .k_stride = to_input ? by_out : by_in,
                          .n_stride = to_input ? by_in : by_out,
                          .from = pointer<T>(weight),
                          .to = pointer<T>(packed)},
                         0, 1);
  return packed;
}

// Sums over rows are made per slot of rows, so that they do not depend on the number of threads.
struct Slots {
  int64_t rows, count;
};
inline Slots row_slots(int64_t rows) {
  const int64_t size = std::max<int64_t>(96, (rows + 15) / 16);
  return {size, (rows + size - 1) / size};
}

inline int64_t gemm_blocks(int64_t rows) {
  const int64_t block = kernels::cpu<float>().gemm_block_rows;
  return (rows + block - 1) / block;
}

}  // namespace zebra::ops
