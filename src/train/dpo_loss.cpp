#include "train/dpo_loss.h"

namespace zebra {

DpoTerms dpo_loss(const PairLogProbs& policy, const PairLogProbs& reference, double beta, double smoothing) {
  const at::Tensor chosen = (policy.chosen - reference.chosen) * beta;
  const at::Tensor rejected = (policy.rejected - reference.rejected) * beta;
  const at::Tensor margin = chosen - rejected;
  at::Tensor loss = -at::log_sigmoid(margin) * (1 - smoothing);
  if (smoothing > 0) loss = loss - at::log_sigmoid(-margin) * smoothing;
  return {loss, chosen.detach(), rejected.detach()};
}

}  // namespace zebra
