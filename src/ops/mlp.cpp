#include "ops/mlp.h"

#include "ops/autograd.h"
#include "ops/gemm.h"
#include "ops/linear.h"
#include "ops/swiglu.h"

namespace zebra::ops {

namespace {

int64_t block_work(const at::Tensor& gate, int64_t rows) {
  return rows * gate.numel();
}

Computed forward(const at::Tensor& x, const at::Tensor& gate, const at::Tensor& up, const at::Tensor& down, bool keep) {
  const Rows rows = as_rows(x);
  const int64_t inner = gate.size(0);
  const at::Tensor y = at::empty(x.sizes(), x.options());
  at::Tensor gated, raised;
  if (keep) gated = at::empty({rows.count, inner}, x.options()), raised = at::empty({rows.count, inner}, x.options());
  with_type(x, [&](auto zero) {
    using T = decltype(zero);
    const at::Tensor g = packed_weight<T>(gate, false), u = packed_weight<T>(up, false),
                     d = packed_weight<T>(down, false);
    const kernels::Mlp<T> params{.rows = rows.count,
                                 .width = x.size(-1),
                                 .inner = inner,
                                 .x = pointer<T>(rows.tensor),
                                 .gate_packed = pointer<T>(g),
                                 .up_packed = pointer<T>(u),
                                 .down_packed = pointer<T>(d),
                                 .x_stride = rows.stride,
                                 .gate = pointer<T>(gated),
                                 .up = pointer<T>(raised),
                                 .y = pointer<T>(y)};
    for_items(gemm_blocks(rows.count), block_work(gate, kernels::cpu<T>().gemm_block_rows),
              [&](int64_t begin, int64_t end) { kernels::cpu<T>().mlp(params, begin, end); });
  });
  return {{y}, {x, gate, up, down, gated, raised}};
}

Tensors backward(const Tensors& saved, const Tensors& outer) {
  const at::Tensor &x = saved[0], &gate = saved[1], &up = saved[2], &down = saved[3];
  const Rows rows = as_rows(x), dy = as_rows(outer[0]);
  const int64_t inner = gate.size(0), width = x.size(-1);
  const Slots slots = row_slots(rows.count);
  const at::Tensor dx = at::empty(x.sizes(), x.options());
  const at::Tensor sums = at::empty({slots.count, 3, gate.numel()}, x.options());
  with_type(x, [&](auto zero) {
    using T = decltype(zero);
    const at::Tensor g = packed_weight<T>(gate, true), u = packed_weight<T>(up, true), d = packed_weight<T>(down, true);
    const kernels::MlpGrad<T> params{.rows = rows.count,
                                     .slot_rows = slots.rows,
                                     .width = width,
                                     .inner = inner,
                                     .x = pointer<T>(rows.tensor),
                                     .gate = pointer<T>(saved[4]),
                                     .up = pointer<T>(saved[5]),
                                     .dy = pointer<T>(dy.tensor),
                                     .gate_packed = pointer<T>(g),
                                     .up_packed = pointer<T>(u),
                                     .down_packed = pointer<T>(d),
                                     .x_stride = rows.stride,
                                     .dy_stride = dy.stride,
                                     .dx = pointer<T>(dx),
                                     .d_weights = pointer<T>(sums)};
    for_items(slots.count, block_work(gate, slots.rows),
              [&](int64_t begin, int64_t end) { kernels::cpu<T>().mlp_grad(params, begin, end); });
  });
  const at::Tensor total = sums.sum(0);  // [3, I * D]
  return {dx, total[0].view({inner, width}), total[1].view({inner, width}), total[2].view({width, inner})};
}

}  // namespace

at::Tensor reference::mlp(const at::Tensor& x, const at::Tensor& gate, const at::Tensor& up, const at::Tensor& down) {
  return at::linear(reference::swiglu(at::linear(x, gate), at::linear(x, up)), down);
}

at::Tensor mlp(const at::Tensor& x, const at::Tensor& gate, const at::Tensor& up, const at::Tensor& down) {
  if (!is_small_gemm(x, gate) || x.dim() < 2)
    return ops::linear(swiglu(ops::linear(x, gate), ops::linear(x, up)), down);
  TORCH_CHECK(x.size(-1) == gate.size(1) && gate.sizes() == up.sizes() && down.size(0) == gate.size(1) &&
                  down.size(1) == gate.size(0),
              "mlp: x ", x.sizes(), " does not go with gate ", gate.sizes(), ", up ", up.sizes(), ", down ",
              down.sizes());
  const auto compute = [&](bool keep) { return forward(x, gate, up, down, keep); };
  return differentiable({x, gate, up, down}, compute, backward)[0];
}

}  // namespace zebra::ops
