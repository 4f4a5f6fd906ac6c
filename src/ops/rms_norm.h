#pragma once
// RMSNorm (Zhang & Sennrich 2019). The plain-ATen twin in ops::reference is what the tests hold the fast path to; it
// also serves other devices and dtypes. Shapes: B batch, L length, D width, H heads, K kv heads, P head dim of x, N
// state size.
#include <ATen/ATen.h>

namespace zebra::ops {

// x / sqrt(mean(x^2) + eps) * weight over the last dimension; statistics in fp32 (fp64 for fp64 input).
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps);

namespace reference {
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps);
}  // namespace reference

}  // namespace zebra::ops
