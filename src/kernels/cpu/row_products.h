// Several rows times one vector, the sums of all rows taken across lanes together.
#pragma once
#include "kernels/cpu/vec.h"

namespace zebra::kernels::ZEBRA_ISA {

// Lane j: sum over i < dim of rows[j * stride + i] * x[i], for kLanes rows.
template <class T>
ZEBRA_INLINE Vec<T> row_products(const T* rows, int64_t stride, const T* x, int64_t dim) {
  constexpr int lanes = kLanes<T>;
  Vec<T> sums[lanes];
#pragma GCC unroll 16
  for (int j = 0; j < lanes; ++j) sums[j] = Vec<T>{};
  for_row<T>(dim, [&](int64_t i, auto get, auto) {
    const Vec<T> v = get(x + i);
#pragma GCC unroll 16
    for (int j = 0; j < lanes; ++j) sums[j] += get(rows + j * stride + i) * v;
  });
  return sum_each<T>(sums);
}

// The same for `count` < kLanes rows; the other lanes are 0.
template <class T>
ZEBRA_INLINE Vec<T> some_row_products(const T* rows, int64_t stride, int64_t count, const T* x, int64_t dim) {
  Vec<T> products{};
  for (int64_t j = 0; j < count; ++j) {
    Vec<T> sum{};
    for_row<T>(dim, [&](int64_t i, auto get, auto) { sum += get(rows + j * stride + i) * get(x + i); });
    products[j] = sum_lanes<T>(sum);
  }
  return products;
}

}  // namespace zebra::kernels::ZEBRA_ISA
