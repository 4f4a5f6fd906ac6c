#pragma once
// The optimizer step. The plain-ATen twin in ops::reference is what the tests hold the fast path to; it also serves
// other devices and dtypes. Shapes: B batch, L length, D width, H heads, K kv heads, P head dim of x, N state size.
#include <ATen/ATen.h>

namespace zebra::ops {

// One AdamW step (Loshchilov & Hutter 2019) over a list of tensors, in place; gradients are multiplied by `grad_scale`
// first.
struct AdamWStep {
  double lr, beta1 = 0.9, beta2 = 0.95, eps = 1e-8, weight_decay = 0, grad_scale = 1;
  int64_t step = 1;  // counts from 1
};
void adamw(const at::Tensor& param, const at::Tensor& grad, const at::Tensor& m, const at::Tensor& v,
           const AdamWStep& step);

namespace reference {
void adamw(const at::Tensor& param, const at::Tensor& grad, const at::Tensor& m, const at::Tensor& v,
           const AdamWStep& step);
}  // namespace reference

}  // namespace zebra::ops
