#include "upcycle/teacher_attention.h"

#include "layers/rope.h"
#include "upcycle/mixer_weights.h"

namespace zebra {

namespace {

at::Tensor head_rows(const MixerWeights& weights, const std::string& name, int64_t heads) {
  auto weight = weights.at(name + ".weight").to(at::kDouble);
  const auto bias = weights.find(name + ".bias");
  if (bias != weights.end()) weight = at::cat({weight, bias->second.to(at::kDouble).unsqueeze(1)}, 1);
  return weight.view({heads, -1, weight.size(1)});
}

at::Tensor optional(const MixerWeights& weights, const std::string& name) {
  const auto found = weights.find(name);
  return found == weights.end() ? at::Tensor() : found->second.to(at::kDouble);
}

at::Tensor normed(const at::Tensor& rows, const at::Tensor& norm, const at::Tensor& second, double eps) {
  const auto power = (at::matmul(rows, second) * rows).sum({1, 2}) / rows.size(1);  // [heads]
  return rows * norm.view({1, -1, 1}) / (power + eps).sqrt().view({-1, 1, 1});
}

}  // namespace

TeacherAttention read_attention(Mixer& mixer, const AttentionConfig& config) {
  const auto weights = weights_of(mixer);
  TeacherAttention attention;
  attention.config = config;
  const double gain = rope_attention_factor(config.rope);
  attention.q = head_rows(weights, "q_proj", config.heads) * (gain * gain);
  attention.k = head_rows(weights, "k_proj", config.kv_heads);
  attention.v = head_rows(weights, "v_proj", config.kv_heads);
  attention.o = weights.at("o_proj.weight").to(at::kDouble);
  attention.o_bias = optional(weights, "o_proj.bias");
  attention.q_norm = optional(weights, "q_norm.weight");
  attention.k_norm = optional(weights, "k_norm.weight");
  attention.frequencies = rope_frequencies(config.rope, config.head_dim);
  return attention;
}

void fold_head_norms(TeacherAttention& attention, const at::Tensor& second) {
  if (!attention.config.qk_norm) return;
  const double gain = rope_attention_factor(attention.config.rope);
  attention.q = normed(attention.q, attention.q_norm, second, attention.config.norm_eps) * (gain * gain);
  attention.k = normed(attention.k, attention.k_norm, second, attention.config.norm_eps);
}

void round_to_bfloat16(TeacherAttention& attention) {
  attention.bfloat16 = true;
  for (at::Tensor* weight : {&attention.q, &attention.k, &attention.v, &attention.o}) {
    *weight = weight->to(at::kBFloat16).to(at::kDouble);
  }
}

at::Tensor to_complex_pairs(const at::Tensor& rows) {
  const int64_t half = rows.size(-2) / 2;
  return at::complex(rows.narrow(-2, 0, half).contiguous(), rows.narrow(-2, half, half).contiguous());
}

at::Tensor from_complex_pairs(const at::Tensor& pairs) {
  return at::cat({at::real(pairs), at::imag(pairs)}, -2);
}

}  // namespace zebra
