#pragma once
// The feed-forward part of a Llama layer in one piece. The plain-ATen twin in ops::reference is what the tests hold the
// fast path to; it also serves other devices, dtypes and large weights.
#include <ATen/ATen.h>

namespace zebra::ops {

// (silu(x gate^T) * (x up^T)) down^T: x [.., D], gate and up [I, D], down [D, I].
at::Tensor mlp(const at::Tensor& x, const at::Tensor& gate, const at::Tensor& up, const at::Tensor& down);

namespace reference {
at::Tensor mlp(const at::Tensor& x, const at::Tensor& gate, const at::Tensor& up, const at::Tensor& down);
}  // namespace reference

}  // namespace zebra::ops
