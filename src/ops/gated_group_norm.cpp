#include "ops/gated_group_norm.h"

#include "ops/autograd.h"
#include "ops/compute_type.h"
#include "ops/cpu.h"

namespace zebra::ops {

namespace {

constexpr int64_t kWork = 8;

at::Tensor forward(const at::Tensor& y, const at::Tensor& z, const at::Tensor& weight, int64_t group, double eps) {
  const Rows y_rows = as_rows(y), z_rows = as_rows(z);
  const at::Tensor out = at::empty(y.sizes(), y.options());
  with_type(y, [&](auto zero) {
    using T = decltype(zero);
    const kernels::GatedGroupNorm<T> params{.width = y.size(-1),
                                            .group = group,
                                            .eps = eps,
                                            .y = pointer<T>(y_rows.tensor),
                                            .z = pointer<T>(z_rows.tensor),
                                            .weight = pointer<T>(weight),
                                            .y_stride = y_rows.stride,
                                            .z_stride = z_rows.stride,
                                            .out = pointer<T>(out)};
    for_items(y_rows.count, kWork * y.size(-1),
              [&](int64_t begin, int64_t end) { kernels::cpu<T>().gated_group_norm(params, begin, end); });
  });
  return out;
}

Tensors backward(const Tensors& saved, const Tensors& outer, int64_t group, double eps) {
  const at::Tensor &y = saved[0], &z = saved[1], &weight = saved[2];
  const int64_t width = y.size(-1);
  const Rows y_rows = as_rows(y), z_rows = as_rows(z), d_out = as_rows(outer[0]);
  const RowBlocks blocks = row_blocks(y_rows.count);
  const at::Tensor dy = at::empty(y.sizes(), y.options()), dz = at::empty(y.sizes(), y.options());
  const at::Tensor d_weight = at::empty({blocks.count, width}, y.options());
  with_type(y, [&](auto zero) {
    using T = decltype(zero);
    const kernels::GatedGroupNormGrad<T> params{.width = width,
                                                .group = group,
                                                .rows = y_rows.count,
                                                .block_rows = blocks.rows,
                                                .eps = eps,
                                                .y = pointer<T>(y_rows.tensor),
                                                .z = pointer<T>(z_rows.tensor),
                                                .weight = pointer<T>(weight),
                                                .d_out = pointer<T>(d_out.tensor),
                                                .y_stride = y_rows.stride,
                                                .z_stride = z_rows.stride,
                                                .d_out_stride = d_out.stride,
                                                .dy = pointer<T>(dy),
                                                .dz = pointer<T>(dz),
                                                .d_weight = pointer<T>(d_weight)};
    for_items(blocks.count, blocks.rows * kWork * width,
              [&](int64_t begin, int64_t end) { kernels::cpu<T>().gated_group_norm_grad(params, begin, end); });
  });
  return {dy, dz, d_weight.sum(0)};
}

}  // namespace

at::Tensor reference::gated_group_norm(const at::Tensor& y, const at::Tensor& z, const at::Tensor& weight,
                                       int64_t group, double eps) {
  const at::Tensor wide = to_compute_type(y);
  const at::Tensor gated = (wide * at::silu(z.to(wide.scalar_type()))).unflatten(-1, {-1, group});
  const at::Tensor normed = gated * at::rsqrt((gated * gated).mean(-1, true) + eps);
  return (normed.flatten(-2) * weight.to(wide.scalar_type())).to(y.scalar_type());
}

at::Tensor gated_group_norm(const at::Tensor& y, const at::Tensor& z, const at::Tensor& weight, int64_t group,
                            double eps) {
  TORCH_CHECK(group > 0 && y.size(-1) % group == 0, "gated_group_norm: groups of ", group, " do not divide ",
              y.sizes());
  if (is_low_precision_cpu(y)) {
    return gated_group_norm(y.to(at::kFloat), z.to(at::kFloat), weight, group, eps).to(y.scalar_type());
  }
  if (!has_cpu_kernels(y)) return reference::gated_group_norm(y, z, weight, group, eps);
  const at::Tensor gate = z.to(y.scalar_type()), scale = weight.to(y.scalar_type()).contiguous();
  const auto compute = [&](bool) -> Computed { return {{forward(y, gate, scale, group, eps)}, {y, gate, scale}}; };
  return differentiable({y, gate, scale}, compute, [group, eps](const Tensors& saved, const Tensors& outer) {
    return backward(saved, outer, group, eps);
  })[0];
}

}  // namespace zebra::ops
