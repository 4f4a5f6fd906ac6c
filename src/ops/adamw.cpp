#include "ops/adamw.h"

#include <c10/core/GradMode.h>

#include <cmath>

#include "ops/cpu.h"

namespace zebra::ops {

namespace {

struct Corrections {
  double first, second;
};
Corrections corrections(const AdamWStep& step) {
  const double count = static_cast<double>(step.step);
  return {1 - std::pow(step.beta1, count), 1 - std::pow(step.beta2, count)};
}

}  // namespace

void reference::adamw(const at::Tensor& param, const at::Tensor& grad, const at::Tensor& m, const at::Tensor& v,
                      const AdamWStep& step) {
  at::NoGradGuard no_grad;
  const at::Tensor scaled = grad.to(m.scalar_type()) * step.grad_scale;
  m.mul_(step.beta1).add_(scaled, 1 - step.beta1);
  v.mul_(step.beta2).addcmul_(scaled, scaled, 1 - step.beta2);
  const Corrections correction = corrections(step);
  const at::Tensor denominator = v.sqrt().mul_(1 / std::sqrt(correction.second)).add_(step.eps);
  const at::Tensor change = (m / denominator).mul_(step.lr / correction.first);
  param.mul_(1 - step.lr * step.weight_decay).sub_(change.to(param.scalar_type()));
}

void adamw(const at::Tensor& param, const at::Tensor& grad, const at::Tensor& m, const at::Tensor& v,
           const AdamWStep& step) {
  bool plain = has_cpu_kernels(param);
  for (const at::Tensor* other : {&param, &grad, &m, &v}) {
    plain = plain && other->scalar_type() == param.scalar_type() && other->is_contiguous();
  }
  if (!plain) return reference::adamw(param, grad, m, v, step);
  const Corrections correction = corrections(step);
  with_type(param, [&](auto zero) {
    using T = decltype(zero);
    const kernels::AdamW<T> params{.lr = T(step.lr),
                                   .beta1 = T(step.beta1),
                                   .beta2 = T(step.beta2),
                                   .eps = T(step.eps),
                                   .weight_decay = T(step.weight_decay),
                                   .grad_scale = T(step.grad_scale),
                                   .correction1 = T(correction.first),
                                   .correction2 = T(correction.second),
                                   .param = pointer<T>(param),
                                   .m = pointer<T>(m),
                                   .v = pointer<T>(v),
                                   .grad = pointer<T>(grad)};
    for_items(param.numel(), 4, [&](int64_t begin, int64_t end) { kernels::cpu<T>().adamw(params, begin, end); });
  });
}

}  // namespace zebra::ops
