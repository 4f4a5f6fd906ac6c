#pragma once
// The gated RMSNorm that ends a Mamba2 mixer. The plain-ATen twin in ops::reference is what the tests hold the fast
// path to; it also serves other devices and dtypes. Shapes: B batch, L length, D width, H heads, K kv heads, P head dim
// of x, N state size.
#include <ATen/ATen.h>

namespace zebra::ops {

// rms_norm of y * silu(z) in groups of `group` channels, times weight [D] (Mamba2, norm_before_gate = false).
at::Tensor gated_group_norm(const at::Tensor& y, const at::Tensor& z, const at::Tensor& weight, int64_t group,
                            double eps);

namespace reference {
at::Tensor gated_group_norm(const at::Tensor& y, const at::Tensor& z, const at::Tensor& weight, int64_t group,
                            double eps);
}  // namespace reference

}  // namespace zebra::ops
