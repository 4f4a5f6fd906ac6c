#include "layers/attention.h"

#include <cmath>

#include "layers/parameters.h"
#include "ops/attention.h"

namespace zebra {

size_t AttentionState::bytes() const {
  return k.nbytes() + v.nbytes();
}

Attention::Attention(const AttentionConfig& config, at::TensorOptions options)
    : config_(config),
      scale_(1 / std::sqrt(static_cast<double>(config.head_dim))),
      rope_(config.rope, config.head_dim),
      q_proj_(make_linear(config.hidden, config.heads * config.head_dim, config.qkv_bias, options)),
      k_proj_(make_linear(config.hidden, config.kv_heads * config.head_dim, config.qkv_bias, options)),
      v_proj_(make_linear(config.hidden, config.kv_heads * config.head_dim, config.qkv_bias, options)),
      o_proj_(make_linear(config.heads * config.head_dim, config.hidden, config.out_bias, options)) {
  if (config.qk_norm) {
    q_norm_ = {make_fp32_vector(config.head_dim, options), config.norm_eps};
    k_norm_ = {make_fp32_vector(config.head_dim, options), config.norm_eps};
  }
}

std::unique_ptr<State> AttentionState::rows(const at::Tensor& places) const {
  return copied_rows(*this, places, {&AttentionState::k, &AttentionState::v});
}

std::unique_ptr<State> Attention::make_state(int64_t batch, int64_t capacity) const {
  auto state = std::make_unique<AttentionState>();
  state->seen = at::zeros({batch}, at::kLong);
  state->k = at::zeros({batch, capacity, config_.kv_heads, config_.head_dim}, k_proj_.weight.options());
  state->v = at::zeros_like(state->k);
  return state;
}

Attention::QueryKey Attention::query_key(const at::Tensor& u, const Positions& positions) const {
  at::Tensor q = q_proj_(u).view({u.size(0), u.size(1), config_.heads, config_.head_dim});
  at::Tensor k = k_proj_(u).view({u.size(0), u.size(1), config_.kv_heads, config_.head_dim});
  if (config_.qk_norm) {
    q = q_norm_(q);
    k = k_norm_(k);
  }
  const Rotation rotate = rope_.rotation(positions, u.device());
  return {rotate(q), rotate(k)};
}

at::Tensor Attention::mixing(const at::Tensor& u) const {
  const auto [q, k] = query_key(u, Positions(u.size(0), u.size(1), {}, nullptr));
  return ops::attention_weights(q, k, scale_, config_.sliding_window);
}

at::Tensor Attention::inner(const at::Tensor& u, const Span& span, State* state) const {
  const int64_t batch = u.size(0), length = u.size(1), dim = config_.head_dim;
  const Positions positions(batch, length, span, state);
  const auto [q, k] = query_key(u, positions);
  const at::Tensor v = v_proj_(u).view({batch, length, config_.kv_heads, dim});

  at::Tensor y;  // [B, L, H, P]
  if (state == nullptr) {
    y = ops::attention(q, k, v, scale_, config_.sliding_window);
  } else {
    auto& cache = static_cast<AttentionState&>(*state);
    write_cache(cache.k, k, positions);
    write_cache(cache.v, v, positions);
    const bool block = is_block(positions, cache.k.size(1));
    const int64_t held = block ? positions.offsets()[0] + length : positions.end();
    const at::Tensor keys = cache.k.narrow(1, 0, held), values = cache.v.narrow(1, 0, held);
    y = block ? ops::attention(q, keys, values, scale_, config_.sliding_window)
              : attention_rows(q, keys, values, scale_, config_.sliding_window, positions);
    positions.advance(*state);
  }
  return y.reshape({batch, length, config_.heads * dim});
}

void Attention::parameters(const std::string& prefix, const ParameterVisitor& visit) {
  visit_linear(prefix + ".q_proj", q_proj_, visit);
  visit_linear(prefix + ".k_proj", k_proj_, visit);
  visit_linear(prefix + ".v_proj", v_proj_, visit);
  visit_linear(prefix + ".o_proj", o_proj_, visit);
  if (config_.qk_norm) {
    visit(prefix + ".q_norm.weight", q_norm_.weight);
    visit(prefix + ".k_norm.weight", k_norm_.weight);
  }
}

}  // namespace zebra
