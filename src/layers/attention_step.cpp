#include "layers/attention.h"
#include "layers/step.h"

namespace zebra {

bool Attention::can_step(const LayerMemory& memory) const {
  return step::is_plain(memory.pages[0]) && step::is_plain(memory.pages[1]) && step::is_plain(q_proj_) &&
         step::is_plain(k_proj_) && step::is_plain(v_proj_) && step::is_plain(o_proj_) && step::is_plain(q_norm_) &&
         step::is_plain(k_norm_) && !rope_->depends_on_length(memory.pages[0].size(1));
}

void Attention::step(const float* u, float* y, LayerMemory& memory, int64_t row, int64_t position) const {
  const int64_t heads = config_.heads, kv_heads = config_.kv_heads, dim = config_.head_dim;
  const int64_t page = memory.pages[0].size(1) * kv_heads * dim;
  const step::Floats q = step::floats(heads * dim), out = step::floats(heads * dim);
  float *keys = step::data(memory.pages[0]) + row * page, *values = step::data(memory.pages[1]) + row * page;
  float *k = keys + position * kv_heads * dim, *v = values + position * kv_heads * dim;  // written where they stay
  step::multiply(q_proj_, u, q.get());
  step::multiply(k_proj_, u, k);
  step::multiply(v_proj_, u, v);
  if (config_.qk_norm) {
    step::rms_norm(q_norm_, q.get(), q.get(), heads);
    step::rms_norm(k_norm_, k, k, kv_heads);
  }
  const step::Turn turn(*rope_, dim, position);
  turn(q.get(), heads, dim);
  turn(k, kv_heads, dim);
  step::attend({.keys = position + 1,
                .heads = heads,
                .kv_heads = kv_heads,
                .dim_k = dim,
                .dim_v = dim,
                .window = config_.sliding_window,
                .scale = scale_,
                .q = q.get(),
                .k = keys,
                .v = values,
                .k_token = kv_heads * dim,
                .k_head = dim,
                .v_token = kv_heads * dim,
                .v_head = dim,
                .out = out.get()});
  step::multiply(o_proj_, out.get(), y);
}

}  // namespace zebra
