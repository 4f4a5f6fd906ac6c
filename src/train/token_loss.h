#pragma once
// End-to-end distillation: what the student learns of the teacher's distribution of the next token, and of the text.
// B batch, L length, D hidden width (the two models' may differ).
#include <ATen/ATen.h>

#include <cstdint>
#include <string>

#include "model/model.h"
#include "train/target_cache.h"

namespace zebra {

struct TokenLoss {
  std::string divergence = "kl";
  double temperature = 1, jsd_beta = 0.5;
  int64_t top_k = 64, samples_per_token = 50;
  double ce_weight = 0;

  template <class Visit>
  void fields(Visit&& visit) {
    visit("divergence", divergence, "from the teacher's next token: kl, reverse-kl, jsd, topk or sampled");
    visit("temperature", temperature, "divides both models' logits; the loss is multiplied by its square");
    visit("jsd_beta", jsd_beta, "divergence jsd: the teacher's part of the mixture; kl is near 0, reverse-kl near 1");
    visit("top_k", top_k, "divergence topk: likeliest tokens that are told apart; the rest is one bucket");
    visit("samples_per_token", samples_per_token, "divergence sampled: tokens drawn from the teacher at each position");
    visit("ce_weight", ce_weight, "adds the cross entropy of the text's own next token, so many times");
  }
  void check(int64_t vocab) const;  // Error(usage)
  // Whether a few numbers a token say all that it needs of the teacher.
  bool can_be_stored() const { return divergence == "topk" || divergence == "sampled"; }
  bool is_plain_kl() const { return divergence == "kl" && temperature == 1 && ce_weight == 0; }
};

// Rows of tokens and what both models make of them.
struct TokenStates {
  at::Tensor ids;               // int64 [B, L]
  at::Tensor student, teacher;  // behind the final norm, [B, L, D]
  int64_t first = 0;            // number of the first row in the run, in rows of this length
  Rows rows;                    // where documents begin, if they are kept apart: the last token of one has no next
};

// Mean over tokens, a scalar. `seed` and the rows' numbers decide what is drawn.
at::Tensor token_loss(const TokenLoss& settings, const Model& student, const Model& teacher, const TokenStates& states,
                      int64_t seed);

// In two halves, for divergences topk and sampled: what there is to know of the teacher, and the same loss from it.
// `states.teacher` is not read.
StoredTargets token_targets(const TokenLoss& settings, const Model& teacher, const at::Tensor& hidden, int64_t first,
                            int64_t seed);
at::Tensor token_loss(const TokenLoss& settings, const Model& student, const TokenStates& states,
                      const StoredTargets& targets);

}  // namespace zebra
