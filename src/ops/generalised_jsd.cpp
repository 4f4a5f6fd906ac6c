#include <cmath>

#include "ops/mean_divergence.h"

namespace zebra::ops {

at::Tensor reference::generalised_jsd(const HeadPair& pair, double beta) {
  const auto [teacher, student] = log_probs(pair);
  const at::Tensor p = teacher.exp(), q = student.exp(), middle = (beta * p + (1 - beta) * q).log();
  return mean_of(pair, beta * (p * (teacher - middle)).sum(-1) + (1 - beta) * (q * (student - middle)).sum(-1));
}

at::Tensor generalised_jsd(const HeadPair& pair, double beta) {
  TORCH_CHECK(beta > 0 && beta < 1, "generalised_jsd: beta: expected a number between 0 and 1, found ", beta);
  return mean_divergence(pair, [=](int64_t, const at::Tensor& teacher, const at::Tensor& student) -> RowTerms {
    const at::Tensor middle = at::logaddexp(teacher + std::log(beta), student + std::log1p(-beta));
    const at::Tensor of_teacher = (teacher - middle).mul_(teacher.exp()).sum(-1);
    // The two ways through m add up to -(1 - beta) q, and cancel the derivative of q log q but for this.
    const at::Tensor slopes = (student - middle).mul_(student.exp()).mul_(1 - beta);
    return {beta * of_teacher + slopes.sum(-1), slopes};
  });
}

}  // namespace zebra::ops
