#include "ops/causal_conv.h"

#include "ops/compute_type.h"

namespace zebra::ops {

at::Tensor reference::causal_conv_silu(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                                       const at::Tensor& before) {
  const at::Tensor wide = to_compute_type(x);
  const auto type = wide.scalar_type();
  const int64_t length = x.size(1), taps = weight.size(1);
  const at::Tensor past =
      before.defined() ? before.to(type) : at::zeros({x.size(0), taps - 1, x.size(2)}, wide.options());
  const at::Tensor padded = at::cat({past, wide}, 1);  // [B, W - 1 + L, D]
  at::Tensor sum = bias.to(type);
  for (int64_t tap = 0; tap < taps; ++tap) {
    sum = sum + padded.narrow(1, tap, length) * weight.select(1, tap).to(type);
  }
  return at::silu(sum).to(x.scalar_type());
}

at::Tensor causal_conv_silu(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                            const at::Tensor& before) {
  return reference::causal_conv_silu(x, weight, bias, before);
}

}  // namespace zebra::ops
