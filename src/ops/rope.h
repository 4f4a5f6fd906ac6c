#pragma once
// Rotary position embedding (Su et al. 2021). The plain-ATen twin in ops::reference is what the tests hold the fast
// path to; it also serves other devices and dtypes. Shapes: B batch, L length, D width, H heads, K kv heads, P head dim
// of x, N state size.
#include <ATen/ATen.h>

namespace zebra::ops {

// Rotates the last R entries of every head of x [B, L, H, >= R] by cos, sin [B or 1, L, R/2] (fp32) and copies those
// before them; pairs are (i, i + R/2) or (2i, 2i + 1).
at::Tensor rope(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin, bool interleaved);

namespace reference {
at::Tensor rope(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin, bool interleaved);
}  // namespace reference

}  // namespace zebra::ops
