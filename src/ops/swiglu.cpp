#include "ops/swiglu.h"

#include "ops/autograd.h"
#include "ops/cpu.h"

namespace zebra::ops {

namespace {

constexpr int64_t kWork = 8;  // an element costs about as much as reading this many

Tensors backward(const Tensors& saved, const Tensors& outer) {
  const at::Tensor &gate = saved[0], &up = saved[1], dy = outer[0].contiguous();
  const at::Tensor d_gate = at::empty_like(gate), d_up = at::empty_like(up);
  with_type(gate, [&](auto zero) {
    using T = decltype(zero);
    const kernels::SwigluGrad<T> params{pointer<T>(gate), pointer<T>(up), pointer<T>(dy), pointer<T>(d_gate),
                                        pointer<T>(d_up)};
    for_items(gate.numel(), kWork,
              [&](int64_t begin, int64_t end) { kernels::cpu<T>().swiglu_grad(params, begin, end); });
  });
  return {d_gate, d_up};
}

}  // namespace

at::Tensor reference::swiglu(const at::Tensor& gate, const at::Tensor& up) {
  return at::silu(gate) * up;
}

at::Tensor swiglu(const at::Tensor& gate, const at::Tensor& up) {
  if (!has_cpu_kernels(gate)) return reference::swiglu(gate, up);
  const auto compute = [&](bool) -> Computed {
    const at::Tensor g = gate.contiguous(), u = up.contiguous(), y = at::empty(gate.sizes(), gate.options());
    with_type(gate, [&](auto zero) {
      using T = decltype(zero);
      const kernels::Swiglu<T> params{pointer<T>(g), pointer<T>(u), pointer<T>(y)};
      for_items(g.numel(), kWork, [&](int64_t begin, int64_t end) { kernels::cpu<T>().swiglu(params, begin, end); });
    });
    return {{y}, {g, u}};
  };
  return differentiable({gate, up}, compute, backward)[0];
}

}  // namespace zebra::ops
