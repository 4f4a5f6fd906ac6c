#include "ops/mean_divergence.h"

namespace zebra::ops {

at::Tensor reference::reverse_kl(const HeadPair& pair) {
  const auto [teacher, student] = log_probs(pair);
  return mean_of(pair, (student.exp() * (student - teacher)).sum(-1));
}

at::Tensor reverse_kl(const HeadPair& pair) {
  return mean_divergence(pair, [](int64_t, const at::Tensor& teacher, const at::Tensor& student) -> RowTerms {
    const at::Tensor slopes = (student - teacher).mul_(student.exp());
    // The derivative has q itself added, which the softmax takes away again.
    return {slopes.sum(-1), slopes};
  });
}

}  // namespace zebra::ops
