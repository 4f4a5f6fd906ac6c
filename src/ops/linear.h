#pragma once
// The affine map of a projection. The plain twin is at::linear itself.
#include <ATen/ATen.h>

namespace zebra::ops {

// x weight^T + bias: x [.., in], weight [out, in], bias [out] or undefined.
at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias = {});

}  // namespace zebra::ops
