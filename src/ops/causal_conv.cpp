#include "ops/causal_conv.h"

#include "ops/autograd.h"
#include "ops/compute_type.h"
#include "ops/cpu.h"

namespace zebra::ops {

namespace {

constexpr int64_t kMaxTaps = 16;    // of the CPU kernels
constexpr int64_t kPositions = 32;  // of an item
constexpr int64_t kWork = 12;

template <class T>
kernels::CausalConv<T> make_params(const at::Tensor& x, const at::Tensor& taps, const at::Tensor& bias,
                                   const at::Tensor& before) {
  return {.length = x.size(1),
          .width = x.size(2),
          .taps = taps.size(0),
          .block = kPositions,
          .blocks = (x.size(1) + kPositions - 1) / kPositions,
          .x = pointer<T>(x),
          .weight = pointer<T>(taps),
          .bias = pointer<T>(bias),
          .before = pointer<T>(before),
          .x_batch = x.stride(0),
          .x_stride = x.stride(1)};
}

// saved: x with a dense last dimension, taps [W, D], bias, before
Tensors backward(const Tensors& saved, const Tensors& outer) {
  const at::Tensor &x = saved[0], &taps = saved[1], &bias = saved[2], &before = saved[3];
  const at::Tensor d_out = dense_last(outer[0]), dx = at::empty(x.sizes(), x.options());
  const at::Tensor d_before = before.defined() ? at::empty_like(before) : at::Tensor();
  at::Tensor d_weight;
  with_type(x, [&](auto zero) {
    using T = decltype(zero);
    const auto forward = make_params<T>(x, taps, bias, before);
    const int64_t items = x.size(0) * forward.blocks;
    d_weight = at::empty({items, forward.taps + 1, forward.width}, x.options());
    const kernels::CausalConvGrad<T> params{.forward = forward,
                                            .d_out = pointer<T>(d_out),
                                            .d_out_batch = d_out.stride(0),
                                            .d_out_stride = d_out.stride(1),
                                            .dx = pointer<T>(dx),
                                            .d_before = pointer<T>(d_before),
                                            .d_weight = pointer<T>(d_weight)};
    for_items(items, kPositions * kWork * forward.width,
              [&](int64_t begin, int64_t end) { kernels::cpu<T>().causal_conv_grad(params, begin, end); });
  });
  const at::Tensor sums = d_weight.sum(0);  // [W + 1, D]
  return {dx, sums.narrow(0, 0, taps.size(0)).t(), sums.select(0, taps.size(0)), d_before};
}

}  // namespace

at::Tensor reference::causal_conv_silu(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                                       const at::Tensor& before) {
  const at::Tensor wide = to_compute_type(x);
  const auto type = wide.scalar_type();
  const int64_t length = x.size(1), taps = weight.size(1);
  const at::Tensor past =
      before.defined() ? before.to(type) : at::zeros({x.size(0), taps - 1, x.size(2)}, wide.options());
  const at::Tensor padded = at::cat({past, wide}, 1);  // [B, W - 1 + L, D]
  at::Tensor sum = bias.to(type);
  for (int64_t tap = 0; tap < taps; ++tap) {
    sum = sum + padded.narrow(1, tap, length) * weight.select(1, tap).to(type);
  }
  return at::silu(sum).to(x.scalar_type());
}

at::Tensor causal_conv_silu(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                            const at::Tensor& before) {
  if (is_low_precision_cpu(x)) {
    const at::Tensor past = before.defined() ? before.to(at::kFloat) : before;
    return causal_conv_silu(x.to(at::kFloat), weight, bias, past).to(x.scalar_type());
  }
  if (!has_cpu_kernels(x) || weight.size(1) > kMaxTaps) return reference::causal_conv_silu(x, weight, bias, before);
  const auto type = x.scalar_type();
  const at::Tensor w = weight.to(type), offset = bias.to(type).contiguous();
  const at::Tensor past = before.defined() ? before.to(type).contiguous() : before;
  const auto compute = [&](bool) -> Computed {
    const at::Tensor input = dense_last(x), taps = w.t().contiguous(), out = at::empty(x.sizes(), x.options());
    with_type(x, [&](auto zero) {
      using T = decltype(zero);
      auto params = make_params<T>(input, taps, offset, past);
      params.out = pointer<T>(out);
      for_items(x.size(0) * params.blocks, std::min(kPositions, params.length) * kWork * params.width,
                [&](int64_t begin, int64_t end) { kernels::cpu<T>().causal_conv(params, begin, end); });
    });
    return {{out}, {input, taps, offset, past}};
  };
  return differentiable({x, w, offset, past}, compute, backward)[0];
}

}  // namespace zebra::ops
