#pragma once
// Log-probabilities of given tokens without a tensor [tokens, vocabulary]: what DPO compares (Rafailov et al. 2023,
// arXiv:2305.18290). T tokens, D width, V vocabulary.
#include <ATen/ATen.h>

namespace zebra::ops {

// log softmax(hidden head^T)[t, targets[t]] for hidden [T, D], head [V, D], int64 targets [T] in [0, V): [T] in fp32
// (float64 for float64). Logits are made in chunks, and again for the gradient instead of being kept.
at::Tensor token_log_probs(const at::Tensor& hidden, const at::Tensor& head, const at::Tensor& targets);

namespace reference {
at::Tensor token_log_probs(const at::Tensor& hidden, const at::Tensor& head, const at::Tensor& targets);
}  // namespace reference

}  // namespace zebra::ops
