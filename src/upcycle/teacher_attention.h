#pragma once
// One attention layer of the teacher as plain float64 matrices, whatever its family.
// H query heads, K kv heads, P head dim, D hidden, E = D inputs, or D + 1 where the projections have biases: the bias
// is then the weight of a last input that is always 1, so that everything downstream stays linear algebra.
#include <vector>

#include "layers/block.h"

namespace zebra {

struct TeacherAttention {
  AttentionConfig config;
  at::Tensor q;                     // [H, P, E], the score factor of YaRN included
  at::Tensor k, v;                  // [K, P, E]
  at::Tensor o, o_bias;             // [D, H * P], [D] or undefined
  at::Tensor q_norm, k_norm;        // [P] or undefined (Qwen3)
  std::vector<double> frequencies;  // [P / 2] radians per token
  bool bfloat16 = false;            // weights were rounded, and means of them are: AMD reads the parent so

  int64_t inputs() const { return q.size(2); }
  int64_t group() const { return config.heads / config.kv_heads; }
};

TeacherAttention read_attention(Mixer& mixer, const AttentionConfig& config);

// Replaces the norms of q and k (Qwen3) by their mean effect, since neither MLA nor Mamba2 has a place for them:
// every head is divided by its root mean square under `second` [E, E] = E[h h^T].
void fold_head_norms(TeacherAttention& attention, const at::Tensor& second);

void round_to_bfloat16(TeacherAttention& attention);

// Pairs (i, i + P / 2) of rows as complex numbers: [.., P, E] -> [.., P / 2, E], and back.
at::Tensor to_complex_pairs(const at::Tensor& rows);
at::Tensor from_complex_pairs(const at::Tensor& pairs);

}  // namespace zebra
