#pragma once
// What a teacher said about the next token, small enough to keep: the student then learns from it without the teacher.
// T tokens, V vocabulary, D width. Both kinds give the value (up to rounding) and the gradient (bit for bit) of their
// twin in divergences.h, which reads the teacher itself.
#include "ops/divergences.h"

namespace zebra::ops {

// For top_k_kl(): the k likeliest tokens and the mass of all others.
struct TopTargets {
  at::Tensor tokens;     // int64 [T, k]
  at::Tensor log_probs;  // [T, k] in the type of computation
  at::Tensor rest;       // [T], log of the others' mass
};
// For sampled_kl(): which tokens were drawn how often.
struct DrawnTargets {
  int64_t samples = 1;        // draws of a token
  at::Tensor distinct;        // int64 [T]: different tokens among its draws
  at::Tensor tokens, counts;  // int64 [sum of distinct], token by token
  at::Tensor log_prob;        // [T]: the teacher's mean log-probability of the draws
};

// From hidden [T, D] and head [V, D] of the teacher; temperature as in HeadPair.
TopTargets top_k_targets(const at::Tensor& hidden, const at::Tensor& head, double temperature, int64_t k);
DrawnTargets drawn_targets(const at::Tensor& hidden, const at::Tensor& head, double temperature, const Draws& draws);

// Mean over tokens in nats, differentiable by the student's hidden [T, D] and head [V, D].
at::Tensor stored_kl(const at::Tensor& hidden, const at::Tensor& head, double temperature, const TopTargets& targets);
at::Tensor stored_kl(const at::Tensor& hidden, const at::Tensor& head, double temperature, const DrawnTargets& targets);

}  // namespace zebra::ops
