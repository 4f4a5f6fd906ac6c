#include "layers/attention.h"

#include <cmath>

#include "layers/parameters.h"
#include "ops/attention.h"

namespace zebra {

Attention::Attention(const AttentionConfig& config, at::TensorOptions options, Ropes& ropes)
    : config_(config),
      scale_(1 / std::sqrt(static_cast<double>(config.head_dim))),
      rope_(ropes.of(config.rope, config.head_dim)),
      q_proj_(make_linear(config.hidden, config.heads * config.head_dim, config.qkv_bias, options)),
      k_proj_(make_linear(config.hidden, config.kv_heads * config.head_dim, config.qkv_bias, options)),
      v_proj_(make_linear(config.hidden, config.kv_heads * config.head_dim, config.qkv_bias, options)),
      o_proj_(make_linear(config.heads * config.head_dim, config.hidden, config.out_bias, options)) {
  if (config.qk_norm) {
    q_norm_ = {make_fp32_vector(config.head_dim, options), config.norm_eps};
    k_norm_ = {make_fp32_vector(config.head_dim, options), config.norm_eps};
  }
}

Attention::QueryKey Attention::query_key(const at::Tensor& u, const Rotation& rotate) const {
  at::Tensor q = q_proj_(u).view({u.size(0), u.size(1), config_.heads, config_.head_dim});
  at::Tensor k = k_proj_(u).view({u.size(0), u.size(1), config_.kv_heads, config_.head_dim});
  if (config_.qk_norm) {
    q = q_norm_(q);
    k = k_norm_(k);
  }
  return {rotate(q), rotate(k)};
}

at::Tensor Attention::values(const at::Tensor& u) const {
  return v_proj_(u).view({u.size(0), u.size(1), config_.kv_heads, config_.head_dim});
}

at::Tensor Attention::mixing(const at::Tensor& u) const {
  const auto [q, k] = query_key(u, rope_->from_zero(u.size(1), u.device()));
  return ops::attention_weights(q, k, scale_, config_.sliding_window);
}

at::Tensor Attention::inner(const at::Tensor& u) const {
  const auto [q, k] = query_key(u, rope_->from_zero(u.size(1), u.device()));
  return ops::attention(q, k, values(u), scale_, config_.sliding_window).flatten(2);
}

LayerMemory Attention::make_memory(const MemorySize& size) const {
  const auto pages = [&] {
    return at::zeros({size.pages, size.page, config_.kv_heads, config_.head_dim}, k_proj_.weight.options());
  };
  return {.pages = {pages(), pages()}, .slots = {}};
}

at::Tensor Attention::extend(const at::Tensor& u, const Batch& batch, LayerMemory& memory) const {
  const at::Tensor one_row = u.unsqueeze(0);
  const auto [q, k] = query_key(one_row, batch.rotation(*rope_));
  write_pages(memory.pages[0], k[0], batch);
  write_pages(memory.pages[1], values(one_row)[0], batch);
  const at::Tensor y = attend(q[0], read_pages(memory.pages[0], batch), read_pages(memory.pages[1], batch), scale_,
                              config_.sliding_window, batch);
  return o_proj_(y.flatten(1));
}

void Attention::parameters(const std::string& prefix, const ParameterVisitor& visit) {
  visit_linear(prefix + ".q_proj", q_proj_, visit);
  visit_linear(prefix + ".k_proj", k_proj_, visit);
  visit_linear(prefix + ".v_proj", v_proj_, visit);
  visit_linear(prefix + ".o_proj", o_proj_, visit);
  if (config_.qk_norm) {
    visit({prefix + ".q_norm.weight", Role::norm}, q_norm_.weight);
    visit({prefix + ".k_norm.weight", Role::norm}, k_norm_.weight);
  }
}

}  // namespace zebra
