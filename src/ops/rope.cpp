#include "ops/rope.h"

#include "ops/autograd.h"
#include "ops/compute_type.h"
#include "ops/cpu.h"

namespace zebra::ops {

namespace {

at::Tensor rotate(const at::Tensor& given, const at::Tensor& cos, const at::Tensor& sin, bool interleaved,
                  double direction) {
  const at::Tensor x = dense_last(given), y = at::empty(x.sizes(), x.options());
  with_type(x, [&](auto zero) {
    using T = decltype(zero);
    const kernels::Rope<T> params{.length = x.size(1),
                                  .heads = x.size(2),
                                  .width = x.size(3),
                                  .half = cos.size(2),
                                  .interleaved = interleaved,
                                  .direction = direction,
                                  .x = pointer<T>(x),
                                  .x_batch = x.stride(0),
                                  .x_token = x.stride(1),
                                  .x_head = x.stride(2),
                                  .cos = pointer<float>(cos),
                                  .sin = pointer<float>(sin),
                                  .table_batch = cos.size(0) > 1 ? cos.size(1) * cos.size(2) : 0,
                                  .y = pointer<T>(y)};
    for_items(x.size(0) * x.size(1), 2 * x.size(2) * x.size(3),
              [&](int64_t begin, int64_t end) { kernels::cpu<T>().rope(params, begin, end); });
  });
  return y;
}

}  // namespace

at::Tensor reference::rope(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin, bool interleaved) {
  const at::Tensor wide = to_compute_type(x);
  const at::Tensor c = cos.to(wide.scalar_type()).unsqueeze(2), s = sin.to(wide.scalar_type()).unsqueeze(2);
  const int64_t half = cos.size(-1), kept = x.size(-1) - 2 * half;
  const at::Tensor turned = wide.narrow(-1, kept, 2 * half);
  const at::Tensor pairs = interleaved ? turned.unflatten(-1, {half, 2}) : turned.unflatten(-1, {2, half});
  const int64_t member = interleaved ? -1 : -2;
  const at::Tensor a = pairs.select(member, 0), b = pairs.select(member, 1);  // [B, L, H, R/2]
  const at::Tensor rotated = at::stack({a * c - b * s, a * s + b * c}, member).flatten(-2);
  return (kept == 0 ? rotated : at::cat({wide.narrow(-1, 0, kept), rotated}, -1)).to(x.scalar_type());
}

at::Tensor rope(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin, bool interleaved) {
  TORCH_CHECK(x.size(-1) >= 2 * cos.size(-1), "rope: tables of ", cos.sizes(), " do not go with ", x.sizes());
  if (is_low_precision_cpu(x)) return rope(x.to(at::kFloat), cos, sin, interleaved).to(x.scalar_type());
  if (!has_cpu_kernels(x) || cos.scalar_type() != at::kFloat) {
    const auto compute = [&](bool) -> Computed { return {{reference::rope(x, cos, sin, interleaved)}, {cos, sin}}; };
    return differentiable({x}, compute, [interleaved](const Tensors& saved, const Tensors& outer) -> Tensors {
      return {reference::rope(outer[0], saved[0], saved[1].neg(), interleaved)};
    })[0];
  }
  const at::Tensor c = cos.contiguous(), s = sin.contiguous();
  const auto compute = [&](bool) -> Computed { return {{rotate(x, c, s, interleaved, 1)}, {c, s}}; };
  return differentiable({x}, compute, [interleaved](const Tensors& saved, const Tensors& outer) -> Tensors {
    return {rotate(outer[0], saved[0], saved[1], interleaved, -1)};
  })[0];
}

}  // namespace zebra::ops
