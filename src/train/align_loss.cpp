#include "train/align_loss.h"

#include <c10/core/GradMode.h>

#include <algorithm>

#include "ops/distillation_kl.h"
#include "ops/token_log_probs.h"
#include "train/dpo_loss.h"

namespace zebra {

namespace {

PairLogProbs pair_log_probs(const at::Tensor& states, const Model& model, const AnswerBatch& batch) {
  const at::Tensor each = ops::token_log_probs(states, model.head().weight, batch.targets);
  const auto halves = row_sums(each, batch).chunk(2);
  return {halves[0], halves[1]};
}

// The mean logit of the whole vocabulary at each counted token, summed over the chosen and over the rejected answers.
// The mean goes through the head: no logits are made.
std::map<std::string, TokenSum> logit_sums(const at::Tensor& states, const Model& model, const AnswerBatch& batch) {
  c10::NoGradGuard no_grad;
  const at::Tensor each = states.to(at::kFloat).mv(model.head().weight.mean(0, false, at::kFloat));
  const auto sums = row_sums(each, batch).chunk(2), tokens = row_sums(at::ones_like(each), batch).chunk(2);
  const auto of = [&](size_t half) {
    return TokenSum{sums[half].sum().item<double>(), tokens[half].sum().item<double>()};
  };
  return {{"logits/chosen", of(0)}, {"logits/rejected", of(1)}};
}

double mean_of(const at::Tensor& values) {
  return values.mean(at::kDouble).item<double>();
}

// Names as TRL logs them.
std::map<std::string, double> pair_figures(const DpoTerms& terms, const PairLogProbs& policy) {
  return {{"rewards/chosen", mean_of(terms.chosen_rewards)},
          {"rewards/rejected", mean_of(terms.rejected_rewards)},
          {"rewards/accuracies", mean_of(terms.chosen_rewards.gt(terms.rejected_rewards))},
          {"rewards/margins", mean_of(terms.chosen_rewards - terms.rejected_rewards)},
          {"logps/chosen", mean_of(policy.chosen.detach())},
          {"logps/rejected", mean_of(policy.rejected.detach())}};
}

}  // namespace

AlignLoss align_loss(const Model& model, const Model* fixed, const AnswerBatch& batch,
                     const AlignLossSettings& settings, bool with_kl) {
  const bool pairs = settings.method == "dpo";
  const bool kl = fixed != nullptr && (settings.kl_weight > 0 || with_kl);
  AlignLoss out;
  at::Tensor fixed_states;
  PairLogProbs reference;
  if (pairs || kl) {
    c10::NoGradGuard no_grad;
    fixed_states = counted_states(*fixed, batch);
    if (pairs) reference = pair_log_probs(fixed_states, *fixed, batch);
  }
  const at::Tensor states = counted_states(model, batch);
  if (pairs) {
    const PairLogProbs policy = pair_log_probs(states, model, batch);
    const DpoTerms terms = dpo_loss(policy, reference, settings.beta, settings.label_smoothing);
    out.pairs = terms.loss.mean();
    out.pair_figures = pair_figures(terms, policy);
    out.answer_figures = logit_sums(states, model, batch);
  } else {
    out.tokens = ops::head_cross_entropy(states, model.head().weight, batch.targets);
  }
  if (kl) {
    const int64_t tokens = batch.first_tokens;
    const at::Tensor distance = ops::distillation_kl(states.narrow(0, 0, tokens), model.head().weight,
                                                     fixed_states.narrow(0, 0, tokens), fixed->head().weight);
    out.token_figures["kl"] = distance.item<double>();
    if (settings.kl_weight > 0) {
      const at::Tensor anchor = distance * settings.kl_weight;
      out.tokens = out.tokens.defined() ? out.tokens + anchor : anchor;
    }
  }
  return out;
}

void StepFigures::add(const AlignLoss& loss, double pass, double share) {
  for (const auto& [name, value] : loss.pair_figures) sums_[name] += value * pass;
  for (const auto& [name, value] : loss.token_figures) sums_[name] += value * pass * share;
  for (const auto& [name, value] : loss.answer_figures) answers_[name] += value;
}

Json StepFigures::take() {
  Json out = Json::object();
  for (const auto& [name, value] : sums_) out[name] = value;
  for (const auto& [name, value] : answers_) out[name] = value.sum / value.tokens;
  sums_.clear(), answers_.clear();
  return out;
}

Json evaluate_examples(const Model& model, const Model* fixed, const std::vector<Example>& examples, int64_t per_pass,
                       const AlignLossSettings& settings) {
  c10::NoGradGuard no_grad;
  const at::Device device = model.head().weight.device();
  std::map<std::string, double> sums;
  std::map<std::string, TokenSum> answers;
  double pairs = 0, tokens = 0, pair_loss = 0, token_loss = 0;
  for (size_t first = 0; first < examples.size(); first += static_cast<size_t>(per_pass)) {
    std::vector<const Example*> picked;
    for (size_t i = first; i < std::min(examples.size(), first + static_cast<size_t>(per_pass)); ++i) {
      picked.push_back(&examples[i]);
    }
    const AnswerBatch batch = make_batch(picked, device);
    const AlignLoss loss = align_loss(model, fixed, batch, settings, true);
    const auto n = static_cast<double>(picked.size()), t = static_cast<double>(batch.first_tokens);
    for (const auto& [name, value] : loss.pair_figures) sums[name] += value * n;
    for (const auto& [name, value] : loss.token_figures) sums[name] += value * t;
    for (const auto& [name, value] : loss.answer_figures) answers[name] += value;
    if (loss.pairs.defined()) pair_loss += loss.pairs.item<double>() * n;
    if (loss.tokens.defined()) token_loss += loss.tokens.item<double>() * t;
    pairs += n, tokens += t;
  }
  Json out;
  out["examples"] = examples.size();
  out["loss"] = pair_loss / pairs + token_loss / tokens;
  for (const auto& [name, value] : sums) out[name] = value / (name == "kl" ? tokens : pairs);
  for (const auto& [name, value] : answers) out[name] = value.sum / value.tokens;
  return out;
}

}  // namespace zebra
