#include "ops/cpu.h"

namespace zebra::ops {

Rows as_rows(const at::Tensor& x) {
  const int64_t width = x.size(-1), count = width == 0 ? 0 : x.numel() / width;
  bool regular = x.dim() == 1 || x.stride(-1) == 1;
  for (int64_t dim = x.dim() - 3; dim >= 0 && regular; --dim) {
    regular = x.size(dim) == 1 || x.stride(dim) == x.stride(dim + 1) * x.size(dim + 1);
  }
  if (!regular) return {x.contiguous(), count, width};
  return {x, count, x.dim() == 1 ? width : x.stride(-2)};
}

}  // namespace zebra::ops
