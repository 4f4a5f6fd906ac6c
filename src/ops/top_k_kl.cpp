#include <limits>

#include "ops/mean_divergence.h"

namespace zebra::ops {

namespace {

constexpr double kNothing = -std::numeric_limits<double>::infinity();

}  // namespace

at::Tensor reference::top_k_kl(const HeadPair& pair, int64_t k) {
  const auto [teacher, student] = log_probs(pair);
  const at::Tensor kept = std::get<1>(teacher.topk(k, -1));
  const at::Tensor p = teacher.exp().gather(1, kept), q = student.exp().gather(1, kept);
  const at::Tensor p_rest = 1 - p.sum(-1), q_rest = 1 - q.sum(-1);
  return mean_of(pair, (p * (p / q).log()).sum(-1) + p_rest * (p_rest / q_rest).log());
}

at::Tensor top_k_kl(const HeadPair& pair, int64_t k) {
  TORCH_CHECK(k > 0 && k < pair.teacher_head.size(0), "top_k_kl: k: expected 1 to ", pair.teacher_head.size(0) - 1,
              ", found ", k);
  return mean_divergence(pair, [=](int64_t, const at::Tensor& teacher, const at::Tensor& student) {
    return top_k_terms(top_k_of(teacher, k), student);
  });
}

TopTargets top_k_of(const at::Tensor& teacher, int64_t k) {
  const auto [wanted, kept] = teacher.topk(k, -1);
  // The rest is summed as it is: 1 minus what was kept would have no digits left where p is sure.
  return {kept, wanted, teacher.scatter(1, kept, kNothing).logsumexp(-1)};
}

RowTerms top_k_terms(const TopTargets& targets, const at::Tensor& student) {
  const at::Tensor &kept = targets.tokens, &wanted = targets.log_probs, p_rest = targets.rest.unsqueeze(-1);
  const at::Tensor found = student.gather(1, kept), p = wanted.exp();
  const at::Tensor rest = student.scatter(1, kept, kNothing), q_rest = rest.logsumexp(-1, true);
  const at::Tensor losses = (p * (wanted - found)).sum(-1) + (p_rest.exp() * (p_rest - q_rest)).squeeze(-1);
  // Within the bucket q keeps its proportions.
  const at::Tensor slopes = (rest - q_rest + p_rest).exp_().scatter_(1, kept, p).neg_();
  return {losses, slopes};
}

}  // namespace zebra::ops
