#include "ops/distillation_kl.h"

#include <c10/core/GradMode.h>

#include <functional>

#include "ops/compute_type.h"
#include "ops/saved_gradients.h"

namespace zebra::ops {

namespace {

// Logits of one chunk take at most this many elements.
constexpr int64_t kChunkElements = int64_t{1} << 22;

// Turns the student's logits of tokens [first, first + n) into d(sum of losses)/d(logits) and returns that sum.
using ChunkLoss = std::function<at::Tensor(int64_t first, at::Tensor& logits)>;

// Mean over tokens of a loss of the logits hidden [T, D] head^T [D, V], with the gradients of both.
at::Tensor mean_head_loss(const at::Tensor& hidden, const at::Tensor& head, const ChunkLoss& chunk_loss) {
  const bool grad = c10::GradMode::is_enabled();
  const bool hidden_grad = grad && hidden.requires_grad(), head_grad = grad && head.requires_grad();
  const int64_t tokens = hidden.size(0);
  const auto type = compute_type(hidden);
  at::Tensor sum, d_hidden, d_head;
  {
    at::NoGradGuard no_grad;
    sum = at::zeros({}, hidden.options().dtype(type));
    if (hidden_grad) d_hidden = at::empty_like(hidden, at::MemoryFormat::Contiguous);
    if (head_grad) d_head = at::zeros(head.sizes(), head.options().dtype(type));
    const int64_t chunk = std::max<int64_t>(1, kChunkElements / head.size(0));
    const double share = tokens > 0 ? 1.0 / static_cast<double>(tokens) : 0;
    for (int64_t first = 0; first < tokens; first += chunk) {
      const at::Tensor rows = hidden.narrow(0, first, std::min(chunk, tokens - first));
      at::Tensor logits = at::mm(rows, head.t()).to(type);
      sum += chunk_loss(first, logits);
      if (!hidden_grad && !head_grad) continue;
      const at::Tensor d_logits = logits.mul_(share).to(hidden.scalar_type());
      if (hidden_grad) d_hidden.narrow(0, first, rows.size(0)).copy_(at::mm(d_logits, head));
      if (head_grad) d_head += at::mm(d_logits.t(), rows);
    }
    sum *= share;
    if (head_grad) d_head = d_head.to(head.scalar_type());
  }
  if (!hidden_grad && !head_grad) return sum;
  return with_gradients(sum, {hidden, head}, {d_hidden, d_head});
}

}  // namespace

at::Tensor reference::distillation_kl(const at::Tensor& student_hidden, const at::Tensor& student_head,
                                      const at::Tensor& teacher_hidden, const at::Tensor& teacher_head,
                                      const at::Tensor& mask) {
  const auto type = compute_type(student_hidden);
  const at::Tensor student = at::mm(student_hidden, student_head.t()).to(type).log_softmax(-1);
  const at::Tensor teacher = at::mm(teacher_hidden, teacher_head.t()).to(type).log_softmax(-1);
  at::Tensor each = (teacher.exp() * (teacher - student)).sum(-1);
  if (mask.defined()) each = each.masked_select(mask != 0);
  return each.sum() / std::max<int64_t>(1, each.numel());
}

at::Tensor reference::head_cross_entropy(const at::Tensor& hidden, const at::Tensor& head, const at::Tensor& targets) {
  const at::Tensor logits = at::mm(hidden, head.t()).to(compute_type(hidden)).log_softmax(-1);
  const at::Tensor each = logits.gather(1, targets.clamp_min(0).unsqueeze(1)).squeeze(1).masked_select(targets >= 0);
  return -each.sum() / std::max<int64_t>(1, each.numel());
}

at::Tensor distillation_kl(const at::Tensor& student_hidden, const at::Tensor& student_head,
                           const at::Tensor& teacher_hidden, const at::Tensor& teacher_head, const at::Tensor& mask) {
  if (mask.defined()) {
    // Rows that do not count are not computed: whatever stands in them cannot reach the result.
    const at::Tensor rows = (mask != 0).nonzero().squeeze(1);
    if (rows.size(0) < mask.size(0)) {
      return distillation_kl(student_hidden.index_select(0, rows), student_head, teacher_hidden.index_select(0, rows),
                             teacher_head);
    }
  }
  return mean_head_loss(student_hidden, student_head, [&](int64_t first, at::Tensor& logits) {
    const at::Tensor rows = teacher_hidden.narrow(0, first, logits.size(0));
    const at::Tensor teacher = at::mm(rows, teacher_head.t()).to(logits.scalar_type()).log_softmax(-1);
    const at::Tensor student = logits.log_softmax(-1), weight = teacher.exp();
    const at::Tensor loss = (weight * (teacher - student)).sum();
    logits.copy_(student.exp() - weight);
    return loss;
  });
}

at::Tensor head_cross_entropy(const at::Tensor& hidden, const at::Tensor& head, const at::Tensor& targets) {
  const at::Tensor rows = (targets >= 0).nonzero().squeeze(1);
  if (rows.size(0) < targets.size(0)) {
    return head_cross_entropy(hidden.index_select(0, rows), head, targets.index_select(0, rows));
  }
  return mean_head_loss(hidden, head, [&](int64_t first, at::Tensor& logits) {
    const at::Tensor wanted = targets.narrow(0, first, logits.size(0)).unsqueeze(1);
    const at::Tensor logarithms = logits.log_softmax(-1);
    const at::Tensor loss = -logarithms.gather(1, wanted).sum();
    logits.copy_(logarithms.exp());
    logits.scatter_add_(1, wanted, at::full_like(wanted, -1, logits.options()));
    return loss;
  });
}

}  // namespace zebra::ops
