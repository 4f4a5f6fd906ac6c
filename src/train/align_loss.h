#pragma once
// The two losses of align over a batch of examples, with what they measure.
#include <map>
#include <string>

#include "io/json.h"
#include "train/answer_rows.h"

namespace zebra {

struct AlignLossSettings {
  std::string method = "sft";  // sft or dpo
  double beta = 0.1, label_smoothing = 0;
  double kl_weight = 0;
};

struct TokenSum {
  double sum = 0, tokens = 0;
  void operator+=(const TokenSum& other) { sum += other.sum, tokens += other.tokens; }
};

// One batch: the loss is pairs + tokens, whose means run over pairs and over counted tokens (of rows to imitate).
// Either may be undefined.
struct AlignLoss {
  at::Tensor pairs, tokens;
  std::map<std::string, double> pair_figures, token_figures;  // means of the same kinds, by their name in TRL
  std::map<std::string, TokenSum> answer_figures;             // over the answers' tokens, of which each row has its own
};

// `fixed` is what the model is held to: DPO's reference, or SFT's teacher, which may be null. SFT: mean cross entropy
// of counted tokens. DPO: mean over pairs of dpo_loss on the sums of their log-probabilities. Both, where kl_weight > 0
// and `fixed` is there: kl_weight times the mean over counted tokens of KL(fixed || model). `with_kl` measures that KL
// in any case.
AlignLoss align_loss(const Model& model, const Model* fixed, const AnswerBatch& batch,
                     const AlignLossSettings& settings, bool with_kl = false);

// Means over the passes of a step, each pass weighted as the training loop and AnswerRows::share() weight its loss;
// figures of answers' tokens are sums over the step by the step's tokens, as TRL 1.16.0 has them.
class StepFigures {
 public:
  void add(const AlignLoss& loss, double pass, double share);  // `pass` = part of the step's examples
  Json take();                                                 // the figures since the last call

 private:
  std::map<std::string, double> sums_;
  std::map<std::string, TokenSum> answers_;
};

// Held-out examples without gradient, `per_pass` at a time: "loss", and of pairs "rewards/accuracies" and so on.
Json evaluate_examples(const Model& model, const Model* fixed, const std::vector<Example>& examples, int64_t per_pass,
                       const AlignLossSettings& settings);

}  // namespace zebra
