#pragma once
// Direct preference optimisation (Rafailov et al. 2023, arXiv:2305.18290, equation 7): of two answers to one prompt the
// chosen one is to gain more log-probability over a fixed reference than the rejected one. n pairs.
#include <ATen/ATen.h>

namespace zebra {

// Log-probabilities of whole answers [n], double.
struct PairLogProbs {
  at::Tensor chosen, rejected;
};

struct DpoTerms {
  at::Tensor loss;                              // [n]
  at::Tensor chosen_rewards, rejected_rewards;  // beta (log p - log p of the reference) [n], without gradient
};

// -log sigmoid(beta (gain of chosen - gain of rejected)). `smoothing` is the probability that a label is wrong
// (conservative DPO, Mitchell 2023): so much of the loss is that of the swapped pair.
DpoTerms dpo_loss(const PairLogProbs& policy, const PairLogProbs& reference, double beta, double smoothing = 0);

}  // namespace zebra
