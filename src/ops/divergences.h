#pragma once
// Distances of the student's distribution q of the next token from the teacher's p, all behind one kind of call: what
// the student learns differs only in the function. One file each; the plain twins in ops::reference are written from
// the definitions. T tokens, V vocabulary, Ds and Dt widths.
#include <ATen/ATen.h>

#include <cstdint>

namespace zebra::ops {

// Two models' logits of the same tokens, as the factors of the products that make them.
struct HeadPair {
  at::Tensor student_hidden, student_head;  // [T, Ds], [V, Ds]
  at::Tensor teacher_hidden, teacher_head;  // [T, Dt], [V, Dt]
  // Divides both models' logits. The result is multiplied by its square, which keeps the gradient at about the size it
  // has without (Hinton et al. 2015, arXiv:1503.02531, section 2.1).
  double temperature = 1;
};

// Each returns the mean over tokens in nats, differentiable by the student's two tensors. Logits exist for one chunk of
// tokens at a time.

// KL(p || q): q must cover all that p does. distillation_kl(), fused kernels and plain twin included.
at::Tensor forward_kl(const HeadPair& pair);
// KL(q || p): q may leave out what p does, but not invent (MiniLLM, Gu et al. 2024, arXiv:2306.08543).
at::Tensor reverse_kl(const HeadPair& pair);
// beta KL(p || m) + (1 - beta) KL(q || m), m = beta p + (1 - beta) q, 0 < beta < 1 (GKD, Agarwal et al. 2024,
// arXiv:2306.13649, equation 1). Divided by beta it nears KL(p || q) for beta to 0; by 1 - beta, KL(q || p) for 1.
at::Tensor generalised_jsd(const HeadPair& pair, double beta);
// KL(p || q) of k + 1 buckets, 0 < k < V: the k likeliest tokens of p, and one with all the rest of the mass. Without
// the last, the "ghost", q would learn a p that is too sharp. Never above KL(p || q).
at::Tensor top_k_kl(const HeadPair& pair, int64_t k);

// Which random numbers: those of token t of the call depend on (seed, first_token + t) and nothing else.
struct Draws {
  int64_t samples = 1;  // a token
  uint64_t seed = 0, first_token = 0;
};
// log p - log q averaged over tokens that were drawn from p: value and gradient are those of KL(p || q) in the mean
// over draws (random sampling KD, Anshumann et al. 2025, arXiv:2503.16870, which draws by importance; from p itself all
// weights are 1). A single value may be negative.
at::Tensor sampled_kl(const HeadPair& pair, const Draws& draws);
// The draws: int64 [T, samples] from log-probabilities [T, V].
at::Tensor draw_tokens(const at::Tensor& log_probs, const Draws& draws);

namespace reference {
at::Tensor reverse_kl(const HeadPair& pair);
at::Tensor generalised_jsd(const HeadPair& pair, double beta);
at::Tensor top_k_kl(const HeadPair& pair, int64_t k);
at::Tensor sampled_kl(const HeadPair& pair, const Draws& draws);
}  // namespace reference

}  // namespace zebra::ops
