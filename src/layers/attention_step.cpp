#include "layers/attention.h"
#include "layers/step.h"

namespace zebra {

bool Attention::can_step(const State& state) const {
  const auto& cache = static_cast<const AttentionState&>(state);
  return step::has_room(state, cache.k) && step::is_plain(cache.v) && step::is_plain(q_proj_) &&
         step::is_plain(k_proj_) && step::is_plain(v_proj_) && step::is_plain(o_proj_) && step::is_plain(q_norm_) &&
         step::is_plain(k_norm_) && !rope_.depends_on_length(cache.k.size(1));
}

void Attention::step(const float* u, float* y, State& state) const {
  auto& cache = static_cast<AttentionState&>(state);
  const int64_t heads = config_.heads, kv_heads = config_.kv_heads, dim = config_.head_dim;
  int64_t& seen = step::seen(state);
  const step::Floats q = step::floats(heads * dim), out = step::floats(heads * dim);
  float* k = step::data(cache.k) + seen * kv_heads * dim;  // written where they stay
  float* v = step::data(cache.v) + seen * kv_heads * dim;
  step::multiply(q_proj_, u, q.get());
  step::multiply(k_proj_, u, k);
  step::multiply(v_proj_, u, v);
  if (config_.qk_norm) {
    step::rms_norm(q_norm_, q.get(), q.get(), heads);
    step::rms_norm(k_norm_, k, k, kv_heads);
  }
  const step::Turn turn(rope_, dim, seen);
  turn(q.get(), heads, dim);
  turn(k, kv_heads, dim);
  ++seen;
  step::attend({.keys = seen,
                .heads = heads,
                .kv_heads = kv_heads,
                .dim_k = dim,
                .dim_v = dim,
                .window = config_.sliding_window,
                .scale = scale_,
                .q = q.get(),
                .k = step::data(cache.k),
                .v = step::data(cache.v),
                .k_token = kv_heads * dim,
                .k_head = dim,
                .v_token = kv_heads * dim,
                .v_head = dim,
                .out = out.get()});
  step::multiply(o_proj_, out.get(), y);
}

}  // namespace zebra
