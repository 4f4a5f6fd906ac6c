#include "ops/linear.h"

#include "ops/autograd.h"
#include "ops/gemm.h"

namespace zebra::ops {

namespace {

// c [.., cols] = a [.., inner] times a packed matrix
template <class T>
void multiply(const at::Tensor& a, const at::Tensor& packed, const at::Tensor& bias, const at::Tensor& c) {
  const Rows rows = as_rows(a);
  const kernels::Gemm<T> params{.rows = rows.count,
                                .inner = a.size(-1),
                                .cols = c.size(-1),
                                .a = pointer<T>(rows.tensor),
                                .packed = pointer<T>(packed),
                                .bias = pointer<T>(bias),
                                .c = pointer<T>(c),
                                .a_stride = rows.stride,
                                .c_stride = c.size(-1)};
  for_items(gemm_blocks(rows.count), kernels::cpu<T>().gemm_block_rows * a.size(-1) * c.size(-1) / 4,
            [&](int64_t begin, int64_t end) { kernels::cpu<T>().gemm(params, begin, end); });
}

Computed forward(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  auto sizes = x.sizes().vec();
  sizes.back() = weight.size(0);
  const at::Tensor y = at::empty(sizes, x.options());
  with_type(x, [&](auto zero) {
    using T = decltype(zero);
    multiply<T>(x, packed_weight<T>(weight, false), bias.defined() ? bias.contiguous() : bias, y);
  });
  return {{y}, {x, weight, bias}};
}

Tensors backward(const Tensors& saved, const Tensors& outer) {
  const at::Tensor &x = saved[0], &weight = saved[1], &bias = saved[2];
  const at::Tensor dx = at::empty(x.sizes(), x.options());
  const Rows rows = as_rows(x), dy = as_rows(outer[0]);
  const Slots slots = row_slots(rows.count);
  const at::Tensor sums = at::empty({slots.count, weight.size(0), weight.size(1)}, x.options());
  with_type(x, [&](auto zero) {
    using T = decltype(zero);
    multiply<T>(outer[0], packed_weight<T>(weight, true), {}, dx);
    const kernels::GemmSum<T> params{.rows = rows.count,
                                     .slot_rows = slots.rows,
                                     .n = weight.size(0),
                                     .k = weight.size(1),
                                     .a = pointer<T>(dy.tensor),
                                     .b = pointer<T>(rows.tensor),
                                     .a_stride = dy.stride,
                                     .b_stride = rows.stride,
                                     .c = pointer<T>(sums)};
    for_items(slots.count, slots.rows * weight.numel() / 4,
              [&](int64_t begin, int64_t end) { kernels::cpu<T>().gemm_sum(params, begin, end); });
  });
  return {dx, sums.sum(0), bias.defined() ? outer[0].flatten(0, -2).sum(0) : at::Tensor()};
}

}  // namespace

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  if (!is_small_gemm(x, weight) || x.dim() < 2) return at::linear(x, weight, bias);
  TORCH_CHECK(x.size(-1) == weight.size(1) && (!bias.defined() || bias.numel() == weight.size(0)), "linear: x ",
              x.sizes(), " does not go with weight ", weight.sizes());
  const auto compute = [&](bool) { return forward(x, weight, bias); };
  return differentiable({x, weight, bias}, compute, backward)[0];
}

}  // namespace zebra::ops
