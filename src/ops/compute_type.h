#pragma once
// The precision in which the ops compute whatever their inputs come in.
#include <ATen/ATen.h>

namespace zebra::ops {

inline at::ScalarType compute_type(const at::Tensor& x) {
  return x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}
inline at::Tensor to_compute_type(const at::Tensor& x) {
  return x.to(compute_type(x));
}

}  // namespace zebra::ops
