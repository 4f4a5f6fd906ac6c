#include "ops/rms_norm.h"

#include "ops/compute_type.h"

namespace zebra::ops {

at::Tensor reference::rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  const at::Tensor wide = to_compute_type(x);
  const at::Tensor normed = wide * at::rsqrt((wide * wide).mean(-1, true) + eps);
  return (normed * weight.to(wide.scalar_type())).to(x.scalar_type());
}

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  return reference::rms_norm(x, weight, eps);
}

}  // namespace zebra::ops
