#pragma once
// The short convolution at the entry of a Mamba2 mixer. The plain-ATen twin in ops::reference is what the tests hold
// the fast path to; it also serves other devices and dtypes. Shapes: B batch, L length, D width, H heads, K kv heads, P
// head dim of x, N state size.
#include <ATen/ATen.h>

namespace zebra::ops {

// Depthwise causal convolution along L with bias, then SiLU. x [B, L, D], weight [D, W], bias [D].
// `before` [B, W-1, D] or undefined (zeros): the inputs that precede x.
at::Tensor causal_conv_silu(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                            const at::Tensor& before);

namespace reference {
at::Tensor causal_conv_silu(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                            const at::Tensor& before);
}  // namespace reference

}  // namespace zebra::ops
