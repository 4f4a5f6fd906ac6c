#include <algorithm>

#include "layers/mla.h"
#include "layers/step.h"

namespace zebra {

bool Mla::can_step(const LayerMemory& memory) const {
  return step::is_plain(memory.pages[0]) && step::is_plain(q_proj_) && step::is_plain(q_a_proj_) &&
         step::is_plain(q_b_proj_) && step::is_plain(kv_a_proj_with_mqa_) && step::is_plain(kv_b_proj_) &&
         step::is_plain(out_proj_) && step::is_plain(q_a_layernorm_) && step::is_plain(kv_a_layernorm_) &&
         !rope_->depends_on_length(memory.pages[0].size(1));
}

// Absorbed, as attend_absorbed() is.
void Mla::step(const float* u, float* y, LayerMemory& memory, int64_t row, int64_t position) const {
  const int64_t heads = config_.heads, nope = config_.nope_dim, rope = config_.rope_dim, rank = config_.kv_rank;
  const int64_t v_dim = config_.v_dim, width = rank + rope, shared = heads / config_.kv_heads;

  const step::Floats q = step::floats(heads * (nope + rope));
  if (config_.q_rank > 0) {
    const step::Floats low = step::floats(config_.q_rank);
    step::multiply(q_a_proj_, u, low.get());
    if (config_.lora_norm) step::rms_norm(q_a_layernorm_, low.get(), low.get());
    step::multiply(q_b_proj_, low.get(), q.get());
  } else {
    step::multiply(q_proj_, u, q.get());
  }
  float* cache = step::data(memory.pages[0]) + row * memory.pages[0].size(1) * width;
  float* latent = cache + position * width;  // written where it stays
  step::multiply(kv_a_proj_with_mqa_, u, latent);
  if (config_.lora_norm) step::rms_norm(kv_a_layernorm_, latent, latent);
  const step::Turn turn(*rope_, rope, position);
  turn(q.get() + nope, heads, nope + rope);
  turn(latent + rank, 1, rope);

  const float* up = step::data(kv_b_proj_.weight);  // [K, nope + v, R]
  const step::Floats query = step::floats(heads * width), mixed = step::floats(heads * rank);
  for (int64_t head = 0; head < heads; ++head) {
    const float *own = q.get() + head * (nope + rope), *up_k = up + head / shared * (nope + v_dim) * rank;
    float* to = query.get() + head * width;
    std::fill_n(to, rank, 0.0f);
    for (int64_t n = 0; n < nope; ++n) {
      for (int64_t r = 0; r < rank; ++r) to[r] += own[n] * up_k[n * rank + r];
    }
    std::copy_n(own + nope, rope, to + rank);
  }
  step::attend({.keys = position + 1,
                .heads = heads,
                .kv_heads = 1,
                .dim_k = width,
                .dim_v = rank,
                .window = config_.sliding_window,
                .scale = scale_,
                .q = query.get(),
                .k = cache,
                .v = cache,
                .k_token = width,
                .k_head = 0,
                .v_token = width,
                .v_head = 0,
                .out = mixed.get()});
  const step::Floats out = step::floats(heads * v_dim);
  for (int64_t head = 0; head < heads; ++head) {
    const float* up_v = up + (head / shared * (nope + v_dim) + nope) * rank;
    step::multiply(up_v, nullptr, v_dim, rank, mixed.get() + head * rank, out.get() + head * v_dim);
  }
  step::multiply(out_proj_, out.get(), y);
}

}  // namespace zebra
