#include "train/token_loss.h"

#include "base/error.h"
#include "ops/distillation_kl.h"
#include "ops/divergences.h"

namespace zebra {

namespace {

at::Tensor divergence_of(const TokenLoss& settings, const ops::HeadPair& pair, const ops::Draws& draws) {
  if (settings.divergence == "reverse-kl") return ops::reverse_kl(pair);
  if (settings.divergence == "jsd") return ops::generalised_jsd(pair, settings.jsd_beta);
  if (settings.divergence == "topk") return ops::top_k_kl(pair, settings.top_k);
  if (settings.divergence == "sampled") return ops::sampled_kl(pair, draws);
  return ops::forward_kl(pair);
}

// What follows each token in its row; nothing follows the last.
at::Tensor next_tokens(const at::Tensor& ids, const Rows& rows) {
  const at::Tensor none = at::full({ids.size(0), 1}, -1, ids.options());
  at::Tensor next = ids.narrow(1, 1, ids.size(1) - 1);
  if (rows.starts.defined()) {
    next = next.masked_fill(rows.starts.narrow(1, 1, ids.size(1) - 1).to(ids.device()), -1);
  }
  return at::cat({next, none}, 1).flatten();
}

// Another multiplier than that of the teacher's own text: the two draw different numbers.
ops::Draws draws_of(const TokenLoss& settings, int64_t first_token, int64_t seed) {
  return {.samples = settings.samples_per_token,
          .seed = (static_cast<uint64_t>(seed) + 1) * 0xD1B54A32D192ED03ull,
          .first_token = static_cast<uint64_t>(first_token)};
}

at::Tensor with_cross_entropy(const TokenLoss& settings, const Model& student, const TokenStates& states,
                              const at::Tensor& divergence) {
  if (settings.ce_weight == 0) return divergence;
  return divergence + ops::head_cross_entropy(states.student.flatten(0, 1), student.head().weight,
                                              next_tokens(states.ids, states.rows)) *
                          settings.ce_weight;
}

}  // namespace

void TokenLoss::check(int64_t vocab) const {
  if (divergence != "kl" && divergence != "reverse-kl" && divergence != "jsd" && divergence != "topk" &&
      divergence != "sampled") {
    fail_usage("divergence: expected kl, reverse-kl, jsd, topk or sampled, found \"", divergence, "\"");
  }
  if (!(temperature > 0)) fail_usage("temperature: expected a number above 0, found ", temperature);
  if (!(jsd_beta > 0 && jsd_beta < 1)) {
    fail_usage("jsd_beta: expected a number above 0 and below 1 (whose limits are kl and reverse-kl), found ",
               jsd_beta);
  }
  if (top_k < 1) fail_usage("top_k: expected 1 or more, found ", top_k);
  if (divergence == "topk" && top_k >= vocab) {
    fail_usage("top_k: expected fewer than the ", vocab, " tokens of the vocabulary, found ", top_k);
  }
  if (samples_per_token < 1) fail_usage("samples_per_token: expected 1 or more, found ", samples_per_token);
  if (!(ce_weight >= 0)) fail_usage("ce_weight: expected 0 or more, found ", ce_weight);
}

at::Tensor token_loss(const TokenLoss& settings, const Model& student, const Model& teacher, const TokenStates& states,
                      int64_t seed) {
  const at::Tensor divergence = divergence_of(settings,
                                              {.student_hidden = states.student.flatten(0, 1),
                                               .student_head = student.head().weight,
                                               .teacher_hidden = states.teacher.flatten(0, 1),
                                               .teacher_head = teacher.head().weight,
                                               .temperature = settings.temperature},
                                              draws_of(settings, states.first * states.ids.size(1), seed));
  return with_cross_entropy(settings, student, states, divergence);
}

StoredTargets token_targets(const TokenLoss& settings, const Model& teacher, const at::Tensor& hidden, int64_t first,
                            int64_t seed) {
  const at::Tensor states = hidden.flatten(0, 1), &head = teacher.head().weight;
  if (settings.divergence == "topk") return ops::top_k_targets(states, head, settings.temperature, settings.top_k);
  return ops::drawn_targets(states, head, settings.temperature, draws_of(settings, first * hidden.size(1), seed));
}

at::Tensor token_loss(const TokenLoss& settings, const Model& student, const TokenStates& states,
                      const StoredTargets& targets) {
  const at::Tensor divergence = std::visit(
      [&](const auto& kind) {
        return ops::stored_kl(states.student.flatten(0, 1), student.head().weight, settings.temperature, kind);
      },
      targets);
  return with_cross_entropy(settings, student, states, divergence);
}

}  // namespace zebra
