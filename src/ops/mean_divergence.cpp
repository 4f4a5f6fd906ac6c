#include "ops/mean_divergence.h"

#include <algorithm>

#include "ops/compute_type.h"
#include "ops/head_chunks.h"

namespace zebra::ops {

HeadPair tempered(const HeadPair& pair) {
  TORCH_CHECK(pair.temperature > 0, "divergence: temperature: expected a number above 0, found ", pair.temperature);
  if (pair.temperature == 1) return pair;
  HeadPair plain = pair;
  plain.student_hidden = pair.student_hidden / pair.temperature;
  plain.teacher_hidden = pair.teacher_hidden / pair.temperature;
  plain.temperature = 1;
  return plain;
}

at::Tensor mean_divergence(const HeadPair& pair, const RowDivergence& rows) {
  TORCH_CHECK(pair.student_head.size(0) == pair.teacher_head.size(0) &&
                  pair.student_hidden.size(0) == pair.teacher_hidden.size(0),
              "divergence: student ", pair.student_hidden.sizes(), " x ", pair.student_head.sizes(),
              " does not go with teacher ", pair.teacher_hidden.sizes(), " x ", pair.teacher_head.sizes());
  const HeadPair plain = tempered(pair);
  SecondLogits teacher_logits(plain.teacher_hidden, plain.teacher_head);
  return mean_student_loss(
      pair.student_hidden, pair.student_head, pair.temperature, [&](int64_t first, const at::Tensor& student) {
        const at::Tensor teacher = teacher_logits.of(first, student.size(0), student.scalar_type()).log_softmax(-1);
        return rows(first, teacher, student);
      });
}

at::Tensor mean_student_loss(const at::Tensor& hidden, const at::Tensor& head, double temperature,
                             const std::function<RowTerms(int64_t first, const at::Tensor& student)>& rows) {
  const auto chunk_loss = [&](int64_t first, const at::Tensor& logits, double share) {
    const at::Tensor student = logits.log_softmax(-1);
    const RowTerms terms = rows(first, student);
    logits.copy_(student).exp_().mul_(terms.slopes.sum(-1, true)).neg_().add_(terms.slopes).mul_(share);
    return terms.losses.sum(at::kDouble);
  };
  const at::Tensor mean = mean_head_loss(temperature == 1 ? hidden : hidden / temperature, head, chunk_loss);
  return mean * (temperature * temperature);
}

reference::LogProbs reference::log_probs(const HeadPair& pair) {
  const auto of = [&](const at::Tensor& hidden, const at::Tensor& head) {
    return (at::mm(hidden, head.t()).to(compute_type(hidden)) / pair.temperature).log_softmax(-1);
  };
  return {of(pair.teacher_hidden, pair.teacher_head), of(pair.student_hidden, pair.student_head)};
}

at::Tensor reference::mean_of(const HeadPair& pair, const at::Tensor& losses) {
  const auto count = static_cast<double>(std::max<int64_t>(1, losses.numel()));
  return losses.sum() * (pair.temperature * pair.temperature / count);
}

}  // namespace zebra::ops
