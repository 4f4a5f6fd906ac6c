#include "ops/adamw.h"

#include <c10/core/GradMode.h>

#include <cmath>

namespace zebra::ops {

void reference::adamw(const at::Tensor& param, const at::Tensor& grad, const at::Tensor& m, const at::Tensor& v,
                      const AdamWStep& step) {
  at::NoGradGuard no_grad;
  const at::Tensor scaled = grad.to(m.scalar_type()) * step.grad_scale;
  m.mul_(step.beta1).add_(scaled, 1 - step.beta1);
  v.mul_(step.beta2).addcmul_(scaled, scaled, 1 - step.beta2);
  const double correction1 = 1 - std::pow(step.beta1, static_cast<double>(step.step));
  const double correction2 = 1 - std::pow(step.beta2, static_cast<double>(step.step));
  const at::Tensor denominator = v.sqrt().mul_(1 / std::sqrt(correction2)).add_(step.eps);
  const at::Tensor change = (m / denominator).mul_(step.lr / correction1);
  param.mul_(1 - step.lr * step.weight_decay).sub_(change.to(param.scalar_type()));
}

void adamw(const at::Tensor& param, const at::Tensor& grad, const at::Tensor& m, const at::Tensor& v,
           const AdamWStep& step) {
  reference::adamw(param, grad, m, v, step);
}

}  // namespace zebra::ops
