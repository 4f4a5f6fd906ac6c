#include "ops/rms_norm.h"

#include "ops/autograd.h"
#include "ops/compute_type.h"
#include "ops/cpu.h"

namespace zebra::ops {

namespace {

at::Tensor forward(const at::Tensor& x, const at::Tensor& weight, double eps, const at::Tensor& rstd) {
  const Rows rows = as_rows(x);
  const at::Tensor y = at::empty(x.sizes(), x.options());
  with_type(x, [&](auto zero) {
    using T = decltype(zero);
    const kernels::RmsNorm<T> params{.width = x.size(-1),
                                     .eps = eps,
                                     .x = pointer<T>(rows.tensor),
                                     .weight = pointer<T>(weight),
                                     .x_stride = rows.stride,
                                     .y = pointer<T>(y),
                                     .rstd = pointer<T>(rstd)};
    for_items(rows.count, 2 * x.size(-1),
              [&](int64_t begin, int64_t end) { kernels::cpu<T>().rms_norm(params, begin, end); });
  });
  return y;
}

Tensors backward(const Tensors& saved, const Tensors& outer) {
  const at::Tensor &x = saved[0], &weight = saved[1], &rstd = saved[2];
  const int64_t width = x.size(-1);
  const Rows rows = as_rows(x), dy = as_rows(outer[0]);
  const RowBlocks blocks = row_blocks(rows.count);
  const at::Tensor dx = at::empty(x.sizes(), x.options()), d_weight = at::empty({blocks.count, width}, x.options());
  with_type(x, [&](auto zero) {
    using T = decltype(zero);
    const kernels::RmsNormGrad<T> params{.width = width,
                                         .rows = rows.count,
                                         .block_rows = blocks.rows,
                                         .x = pointer<T>(rows.tensor),
                                         .weight = pointer<T>(weight),
                                         .rstd = pointer<T>(rstd),
                                         .dy = pointer<T>(dy.tensor),
                                         .x_stride = rows.stride,
                                         .dy_stride = dy.stride,
                                         .dx = pointer<T>(dx),
                                         .d_weight = pointer<T>(d_weight)};
    for_items(blocks.count, blocks.rows * 4 * width,
              [&](int64_t begin, int64_t end) { kernels::cpu<T>().rms_norm_grad(params, begin, end); });
  });
  return {dx, d_weight.sum(0)};
}

// The same on other devices. Autograd would keep four tensors in fp32 for what these two say.
Computed device_forward(const at::Tensor& x, const at::Tensor& weight, double eps, bool keep) {
  const at::Tensor wide = to_compute_type(x), rstd = at::rsqrt((wide * wide).mean(-1, true) + eps);
  const at::Tensor y = ((wide * rstd) * weight.to(wide.scalar_type())).to(x.scalar_type());
  return {{y}, keep ? Tensors{x, weight, rstd} : Tensors{}};
}

Tensors device_backward(const Tensors& saved, const Tensors& outer) {
  const at::Tensor &x = saved[0], &weight = saved[1], &rstd = saved[2];
  const at::Tensor dy = to_compute_type(outer[0]), normed = to_compute_type(x) * rstd;
  const at::Tensor d_normed = dy * weight.to(dy.scalar_type());
  const at::Tensor dx = (d_normed - normed * (d_normed * normed).mean(-1, true)) * rstd;
  const at::Tensor d_weight = (dy * normed).flatten(0, -2).sum(0);
  return {dx.to(x.scalar_type()), d_weight.to(weight.scalar_type())};
}

}  // namespace

at::Tensor reference::rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  const at::Tensor wide = to_compute_type(x);
  const at::Tensor normed = wide * at::rsqrt((wide * wide).mean(-1, true) + eps);
  return (normed * weight.to(wide.scalar_type())).to(x.scalar_type());
}

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  if (is_low_precision_cpu(x)) return rms_norm(x.to(at::kFloat), weight, eps).to(x.scalar_type());
  if (!has_cpu_kernels(x)) {
    return differentiable(
        {x, weight}, [&](bool keep) { return device_forward(x, weight, eps, keep); }, device_backward)[0];
  }
  const at::Tensor scale = weight.to(x.scalar_type()).contiguous();
  const auto compute = [&](bool keep) -> Computed {
    const at::Tensor rstd = keep ? at::empty({x.numel() / x.size(-1)}, x.options()) : at::Tensor();
    return {{forward(x, scale, eps, rstd)}, {x, scale, rstd}};
  };
  return differentiable({x, scale}, compute, backward)[0];
}

}  // namespace zebra::ops
