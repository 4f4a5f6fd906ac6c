#include "ops/gated_group_norm.h"

#include "ops/compute_type.h"

namespace zebra::ops {

at::Tensor reference::gated_group_norm(const at::Tensor& y, const at::Tensor& z, const at::Tensor& weight,
                                       int64_t group, double eps) {
  const at::Tensor wide = to_compute_type(y);
  const at::Tensor gated = (wide * at::silu(z.to(wide.scalar_type()))).unflatten(-1, {-1, group});
  const at::Tensor normed = gated * at::rsqrt((gated * gated).mean(-1, true) + eps);
  return (normed.flatten(-2) * weight.to(wide.scalar_type())).to(y.scalar_type());
}

at::Tensor gated_group_norm(const at::Tensor& y, const at::Tensor& z, const at::Tensor& weight, int64_t group,
                            double eps) {
  return reference::gated_group_norm(y, z, weight, group, eps);
}

}  // namespace zebra::ops
