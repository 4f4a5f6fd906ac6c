// One vector through a matrix, as single-token decoding does it.
#pragma once
#include "kernels/cpu/row_products.h"
#include "kernels/params.h"

namespace zebra::kernels::ZEBRA_ISA {

template <class T>
void matvec(const MatVec<T>& p, int64_t begin, int64_t end) {
  constexpr int lanes = kLanes<T>;
  int64_t row = begin;
  for (; row + lanes <= end; row += lanes) {
    Vec<T> y = row_products(p.weight + row * p.width, p.width, p.x, p.width);
    if (p.bias != nullptr) y += load(p.bias + row);
    store(p.y + row, y);
  }
  if (row == end) return;
  Vec<T> y = some_row_products(p.weight + row * p.width, p.width, end - row, p.x, p.width);
  if (p.bias != nullptr) y += load_some(p.bias + row, end - row);
  store_some(p.y + row, y, end - row);
}

}  // namespace zebra::kernels::ZEBRA_ISA
