// One vector through a matrix, as single-token decoding does it: kLanes rows at a time, so that the sums of all of
// them are taken across lanes together.
#pragma once
#include "kernels/cpu/vec.h"
#include "kernels/params.h"

namespace zebra::kernels::ZEBRA_ISA {

template <class T>
void matvec(const MatVec<T>& p, int64_t begin, int64_t end) {
  constexpr int lanes = kLanes<T>;
  for (int64_t first = begin; first < end; first += lanes) {
    const int64_t rows = min(lanes, end - first);
    const T* weight = p.weight + first * p.width;
    Vec<T> sums[lanes]{};
    if (rows == lanes) {
      for_row<T>(p.width, [&](int64_t i, auto get, auto) {
        const Vec<T> x = get(p.x + i);
#pragma GCC unroll 16
        for (int r = 0; r < lanes; ++r) sums[r] += get(weight + r * p.width + i) * x;
      });
    } else {
      for_row<T>(p.width, [&](int64_t i, auto get, auto) {
        const Vec<T> x = get(p.x + i);
        for (int64_t r = 0; r < rows; ++r) sums[r] += get(weight + r * p.width + i) * x;
      });
    }
    Vec<T> y = sum_each<T>(sums);
    if (p.bias != nullptr) y += rows == lanes ? load(p.bias + first) : load_some(p.bias + first, rows);
    if (rows == lanes) {
      store(p.y + first, y);
    } else {
      store_some(p.y + first, y, rows);
    }
  }
}

}  // namespace zebra::kernels::ZEBRA_ISA
