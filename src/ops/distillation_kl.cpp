#include "ops/distillation_kl.h"

#include "ops/autograd.h"
#include "ops/compute_type.h"
#include "ops/cpu.h"
#include "ops/gemm.h"
#include "ops/head_chunks.h"

namespace zebra::ops {

namespace {

// `teacher` holds the teacher's logits and is overwritten.
at::Tensor kl_of_chunk(const at::Tensor& teacher, const at::Tensor& logits, double share) {
  if (has_cpu_kernels(logits)) {
    const auto kernel = [&](auto zero, double* losses, int64_t begin, int64_t end) {
      using T = decltype(zero);
      const kernels::KlRows<T> params{logits.size(1), pointer<T>(teacher), pointer<T>(logits), share, losses};
      kernels::cpu<T>().kl_rows(params, begin, end);
    };
    return losses_of_rows(logits, kernel).sum();
  }
  const at::Tensor wanted = teacher.log_softmax(-1), found = logits.log_softmax(-1), weight = wanted.exp();
  const at::Tensor loss = (weight * (wanted - found)).sum();
  logits.copy_((found.exp() - weight) * share);
  return loss;
}

// A small head: logits never leave the cache. Without a teacher it is the cross entropy of `targets`.
at::Tensor fused_head_loss(const at::Tensor& hidden, const at::Tensor& head, const at::Tensor& teacher_hidden,
                           const at::Tensor& teacher_head, const at::Tensor& targets) {
  const auto compute = [&](bool keep) -> Computed {
    const Rows rows = as_rows(hidden);
    const Slots slots = row_slots(rows.count);
    const at::Tensor losses = at::empty({rows.count}, hidden.options().dtype(at::kDouble));
    at::Tensor d_hidden, d_heads;
    if (keep && hidden.requires_grad()) d_hidden = at::empty(hidden.sizes(), hidden.options());
    if (keep && head.requires_grad()) d_heads = at::empty({slots.count, head.size(0), head.size(1)}, head.options());
    with_type(hidden, [&](auto zero) {
      using T = decltype(zero);
      const at::Tensor packed = packed_weight<T>(head, false), back = packed_weight<T>(head, true);
      kernels::HeadLoss<T> params{.tokens = rows.count,
                                  .slot_rows = slots.rows,
                                  .vocabulary = head.size(0),
                                  .width = head.size(1),
                                  .hidden = pointer<T>(rows.tensor),
                                  .head_packed = pointer<T>(packed),
                                  .head_packed_back = pointer<T>(back),
                                  .hidden_stride = rows.stride,
                                  .share = 1.0 / static_cast<double>(rows.count),
                                  .loss = losses.mutable_data_ptr<double>(),
                                  .d_hidden = pointer<T>(d_hidden),
                                  .d_head = pointer<T>(d_heads)};
      Rows teacher_rows{};
      at::Tensor teacher_packed;
      if (teacher_hidden.defined()) {
        teacher_rows = as_rows(teacher_hidden);
        teacher_packed = packed_weight<T>(teacher_head, false);
        params.teacher_width = teacher_head.size(1);
        params.teacher_hidden = pointer<T>(teacher_rows.tensor);
        params.teacher_head_packed = pointer<T>(teacher_packed);
        params.teacher_stride = teacher_rows.stride;
      } else {
        params.targets = targets.const_data_ptr<int64_t>();
      }
      for_items(slots.count, slots.rows * head.numel(),
                [&](int64_t begin, int64_t end) { kernels::cpu<T>().head_loss(params, begin, end); });
    });
    return {{losses.mean().to(hidden.scalar_type())}, {d_hidden, d_heads.defined() ? d_heads.sum(0) : d_heads}};
  };
  return differentiable({hidden, head}, compute, scaled_gradients)[0];
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
  TORCH_CHECK(student_head.size(0) == teacher_head.size(0) && student_hidden.size(0) == teacher_hidden.size(0),
              "distillation_kl: student ", student_hidden.sizes(), " x ", student_head.sizes(),
              " does not go with teacher ", teacher_hidden.sizes(), " x ", teacher_head.sizes());
  if (is_small_gemm(student_hidden, student_head) && is_small_gemm(teacher_hidden, teacher_head) &&
      teacher_head.scalar_type() == student_head.scalar_type()) {
    return fused_head_loss(student_hidden, student_head, teacher_hidden, teacher_head, {});
  }
  SecondLogits teacher(teacher_hidden, teacher_head);
  return mean_head_loss(student_hidden, student_head, [&](int64_t first, const at::Tensor& logits, double share) {
    return kl_of_chunk(teacher.of(first, logits.size(0), logits.scalar_type()), logits, share);
  });
}

at::Tensor head_cross_entropy(const at::Tensor& hidden, const at::Tensor& head, const at::Tensor& targets) {
  const at::Tensor rows = (targets >= 0).nonzero().squeeze(1);
  if (rows.size(0) < targets.size(0)) {
    return head_cross_entropy(hidden.index_select(0, rows), head, targets.index_select(0, rows));
  }
  TORCH_CHECK(targets.numel() == 0 || targets.max().item<int64_t>() < head.size(0), "head_cross_entropy: a target is ",
              "not below the ", head.size(0), " rows of the head");
  const at::Tensor wanted = targets.contiguous();
  if (is_small_gemm(hidden, head)) return fused_head_loss(hidden, head, {}, {}, wanted);
  return mean_head_loss(hidden, head, [&](int64_t first, const at::Tensor& logits, double share) {
    return cross_entropy_of_rows(wanted.narrow(0, first, logits.size(0)), logits, share).sum();
  });
}

}  // namespace zebra::ops
