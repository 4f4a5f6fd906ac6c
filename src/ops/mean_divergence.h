#pragma once
// What the divergences share: chunks of tokens, the way back through the softmax, the temperature. A divergence only
// says what it is and how it depends on the student's log-probabilities. n tokens of a chunk, V vocabulary.
#include <functional>

#include "ops/stored_targets.h"

namespace zebra::ops {

struct RowTerms {
  at::Tensor losses;  // [n]
  at::Tensor slopes;  // [n, V]: derivative of each loss by the student's log-probabilities of its row, taken as free
};
// From the log-probabilities [n, V] of tokens [first, first + n).
using RowDivergence = std::function<RowTerms(int64_t first, const at::Tensor& teacher, const at::Tensor& student)>;

at::Tensor mean_divergence(const HeadPair& pair, const RowDivergence& rows);
// The same for what the student's own log-probabilities [n, V] are enough for.
at::Tensor mean_student_loss(const at::Tensor& hidden, const at::Tensor& head, double temperature,
                             const std::function<RowTerms(int64_t first, const at::Tensor& student)>& rows);

// top_k_kl() in its two halves: what is asked of the teacher's log-probabilities [n, V], and what the student's do
// then.
TopTargets top_k_of(const at::Tensor& teacher, int64_t k);
RowTerms top_k_terms(const TopTargets& targets, const at::Tensor& student);

// The pair whose plain logits are this one's at its temperature. Logits are linear in the hidden states: dividing these
// costs less and leaves every path below as it is.
HeadPair tempered(const HeadPair& pair);

namespace reference {
// Log-probabilities [T, V] of both models at the pair's temperature.
struct LogProbs {
  at::Tensor teacher, student;
};
LogProbs log_probs(const HeadPair& pair);
// Mean of [T], times the temperature's square.
at::Tensor mean_of(const HeadPair& pair, const at::Tensor& losses);
}  // namespace reference

}  // namespace zebra::ops
