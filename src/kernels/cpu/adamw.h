// One AdamW step in one pass over the memory.
#pragma once
#include "kernels/cpu/vec.h"
#include "kernels/params.h"

namespace zebra::kernels::ZEBRA_ISA {

template <class T>
void adamw(const AdamW<T>& p, int64_t begin, int64_t end) {
  T* __restrict param = p.param, * __restrict m = p.m, * __restrict v = p.v;
  const T* __restrict grad = p.grad;
  const T keep = T(1) - p.lr * p.weight_decay, step = p.lr / p.correction1;
  const T inverse_root = T(1) / std::sqrt(p.correction2);
  for (int64_t i = begin; i < end; ++i) {
    const T g = grad[i] * p.grad_scale;
    m[i] = m[i] * p.beta1 + g * (T(1) - p.beta1);
    v[i] = v[i] * p.beta2 + g * g * (T(1) - p.beta2);
    param[i] = param[i] * keep - step * m[i] / (std::sqrt(v[i]) * inverse_root + p.eps);
  }
}

}  // namespace zebra::kernels::ZEBRA_ISA
