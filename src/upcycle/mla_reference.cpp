#include "upcycle/mla_reference.h"

#include "upcycle/linalg.h"

namespace zebra {

namespace {

// Of every head's rows [heads, P, r] the first `nope` and the last `rope`, stacked: [heads * (nope + rope), r].
at::Tensor first_and_last(const at::Tensor& heads, int64_t nope, int64_t rope) {
  const auto kept = at::cat({heads.narrow(1, 0, nope), heads.narrow(1, heads.size(1) - rope, rope)}, 1);
  return kept.flatten(0, 1);
}

// All key rows, then all value rows, each head as often as the student has it.
at::Tensor key_value_rows(const TeacherAttention& teacher, const MlaConfig& config) {
  const int64_t repeats = config.kv_heads / teacher.config.kv_heads;
  const auto k = teacher.k.repeat_interleave(repeats, 0), v = teacher.v.repeat_interleave(repeats, 0);
  return at::cat({k.flatten(0, 1), v.flatten(0, 1)});
}

}  // namespace

at::Tensor reference_spectrum(const TeacherAttention& teacher, const MlaConfig& config) {
  return at::linalg_svdvals(key_value_rows(teacher, config)).square().to(at::kCPU);
}

MixerWeights reference_mla(const TeacherAttention& teacher, const MlaConfig& config) {
  const int64_t head_dim = teacher.config.head_dim;
  MixerWeights weights;

  const auto query = truncated_svd(teacher.q.flatten(0, 1), config.q_rank);
  weights["q_a_proj.weight"] = query.down;
  weights["q_b_proj.weight"] =
      first_and_last(query.up.view({config.heads, head_dim, config.q_rank}), config.nope_dim, config.rope_dim);

  const auto joint = truncated_svd(key_value_rows(teacher, config), config.kv_rank);
  const auto up = joint.up.view({2, config.kv_heads, head_dim, config.kv_rank});
  auto shared_key = teacher.k.mean(0).narrow(0, head_dim - config.rope_dim, config.rope_dim);
  if (teacher.bfloat16) shared_key = shared_key.to(at::kBFloat16).to(at::kDouble);
  weights["kv_a_proj_with_mqa.weight"] = at::cat({joint.down, shared_key});
  weights["kv_b_proj.weight"] = at::cat({up[0].narrow(1, 0, config.nope_dim), up[1]}, 1).flatten(0, 1);

  weights["out_proj.weight"] = teacher.o;
  if (config.lora_norm) {
    weights["q_a_layernorm.weight"] = at::ones({config.q_rank}, teacher.q.options());
    weights["kv_a_layernorm.weight"] = at::ones({config.kv_rank}, teacher.q.options());
  }
  return weights;
}

}  // namespace zebra
