#pragma once
// How the ops hand their tensors to the CPU kernels.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "kernels/cpu.h"

namespace zebra::ops {

// Whether the CPU kernels take x as it is.
inline bool has_cpu_kernels(const at::Tensor& x) {
  return x.is_cpu() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kDouble);
}
// Low-precision CPU tensors are computed in fp32 by the same kernels.
inline bool is_low_precision_cpu(const at::Tensor& x) {
  return x.is_cpu() && (x.scalar_type() == at::kBFloat16 || x.scalar_type() == at::kHalf);
}

// Calls body with a value of x's C++ type.
template <class Body>
void with_type(const at::Tensor& x, Body&& body) {
  if (x.scalar_type() == at::kFloat)
    body(float{});
  else
    body(double{});
}

template <class T>
T* pointer(const at::Tensor& x) {
  return x.defined() ? x.mutable_data_ptr<T>() : nullptr;
}

// x, copied unless its last dimension is contiguous.
inline at::Tensor dense_last(const at::Tensor& x) {
  return x.stride(-1) == 1 || x.size(-1) == 1 ? x : x.contiguous();
}

// x seen as rows of its last dimension at one distance; copied where it does not lie so.
struct Rows {
  at::Tensor tensor;
  int64_t count, stride;
};
Rows as_rows(const at::Tensor& x);

// Splits [0, items) among the threads; `work` is about how many values an item reads.
template <class Body>
void for_items(int64_t items, int64_t work, const Body& body) {
  constexpr int64_t kWorthAThread = 16384;
  if (items * work <= kWorthAThread) {
    if (items > 0) body(int64_t{0}, items);
    return;
  }
  at::parallel_for(0, items, std::max<int64_t>(1, kWorthAThread / std::max<int64_t>(1, work)), body);
}

// Sums over rows are made per block of rows, so that they do not depend on the number of threads.
struct RowBlocks {
  int64_t rows, count;
};
inline RowBlocks row_blocks(int64_t rows) {
  const int64_t size = std::max<int64_t>(16, (rows + 63) / 64);
  return {size, (rows + size - 1) / size};
}

}  // namespace zebra::ops
