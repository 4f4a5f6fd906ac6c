#pragma once
// SwiGLU (Shazeer 2020). The plain-ATen twin in ops::reference is what the tests hold the fast path to; it also serves
// other devices and dtypes. Shapes: B batch, L length, D width, H heads, K kv heads, P head dim of x, N state size.
#include <ATen/ATen.h>

namespace zebra::ops {

// silu(gate) * up
at::Tensor swiglu(const at::Tensor& gate, const at::Tensor& up);

namespace reference {
at::Tensor swiglu(const at::Tensor& gate, const at::Tensor& up);
}  // namespace reference

}  // namespace zebra::ops
