#include "ops/rope.h"

#include "ops/compute_type.h"

namespace zebra::ops {

at::Tensor reference::rope(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin, bool interleaved) {
  const at::Tensor wide = to_compute_type(x);
  const at::Tensor c = cos.to(wide.scalar_type()).unsqueeze(2), s = sin.to(wide.scalar_type()).unsqueeze(2);
  const int64_t half = x.size(-1) / 2;
  const at::Tensor pairs = interleaved ? wide.unflatten(-1, {half, 2}) : wide.unflatten(-1, {2, half});
  const int64_t member = interleaved ? -1 : -2;
  const at::Tensor a = pairs.select(member, 0), b = pairs.select(member, 1);  // [B, L, H, R/2]
  return at::stack({a * c - b * s, a * s + b * c}, member).flatten(-2).to(x.scalar_type());
}

at::Tensor rope(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin, bool interleaved) {
  return reference::rope(x, cos, sin, interleaved);
}

}  // namespace zebra::ops
