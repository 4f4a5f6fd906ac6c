#include "layers/mla.h"

#include <cmath>

#include "layers/parameters.h"
#include "ops/attention.h"

namespace zebra {

namespace {

constexpr double kLoraNormEps = 1e-6;

}  // namespace

Mla::Mla(const MlaConfig& config, at::TensorOptions options, Ropes& ropes)
    : config_(config),
      scale_(rope_softmax_factor(config.rope) / std::sqrt(static_cast<double>(config.nope_dim + config.rope_dim))),
      rope_(ropes.of(config.rope, config.rope_dim)) {
  const int64_t q_rows = config.heads * (config.nope_dim + config.rope_dim);
  if (config.q_rank > 0) {
    q_a_proj_ = make_linear(config.hidden, config.q_rank, config.qkv_bias, options);
    q_b_proj_ = make_linear(config.q_rank, q_rows, false, options);
  } else {
    q_proj_ = make_linear(config.hidden, q_rows, config.qkv_bias, options);
  }
  kv_a_proj_with_mqa_ = make_linear(config.hidden, config.kv_rank + config.rope_dim, config.qkv_bias, options);
  kv_b_proj_ = make_linear(config.kv_rank, config.kv_heads * (config.nope_dim + config.v_dim), false, options);
  out_proj_ = make_linear(config.heads * config.v_dim, config.hidden, config.qkv_bias, options);
  if (config.lora_norm) {
    if (config.q_rank > 0) q_a_layernorm_ = {make_fp32_vector(config.q_rank, options), kLoraNormEps};
    kv_a_layernorm_ = {make_fp32_vector(config.kv_rank, options), kLoraNormEps};
  }
}

at::Tensor Mla::queries(const at::Tensor& u, const Rotation& rotate) const {
  at::Tensor q = u;
  if (config_.q_rank > 0) {
    q = q_a_proj_(q);
    q = q_b_proj_(config_.lora_norm ? q_a_layernorm_(q) : q);
  } else {
    q = q_proj_(q);
  }
  // The last rope_dim entries of each head are rotated.
  return rotate(q.view({u.size(0), u.size(1), config_.heads, config_.nope_dim + config_.rope_dim}));
}

at::Tensor Mla::cached(const at::Tensor& u, const Rotation& rotate) const {
  const at::Tensor held = rotate(kv_a_proj_with_mqa_(u).unsqueeze(2)).squeeze(2);
  if (!config_.lora_norm) return held;
  const auto parts = at::split_with_sizes(held, {config_.kv_rank, config_.rope_dim}, -1);
  return at::cat({kv_a_layernorm_(parts[0]), parts[1]}, -1);
}

at::Tensor Mla::mixing(const at::Tensor& u) const {
  const Rotation rotate = rope_->from_zero(u.size(1), u.device());
  return ops::attention_weights(queries(u, rotate), expanded(cached(u, rotate)).k, scale_, config_.sliding_window);
}

at::Tensor Mla::inner(const at::Tensor& u) const {
  const Rotation rotate = rope_->from_zero(u.size(1), u.device());
  const at::Tensor q = queries(u, rotate);
  const auto [k, v] = expanded(cached(u, rotate));
  return ops::attention(q, k, v, scale_, config_.sliding_window).flatten(2);
}

LayerMemory Mla::make_memory(const MemorySize& size) const {
  const at::Tensor latents =
      at::zeros({size.pages, size.page, config_.kv_rank + config_.rope_dim}, kv_b_proj_.weight.options());
  return {.pages = {latents}, .slots = {}};
}

at::Tensor Mla::extend(const at::Tensor& u, const Batch& batch, LayerMemory& memory) const {
  const Rotation& rotate = batch.rotation(*rope_);
  const at::Tensor one_row = u.unsqueeze(0), q = queries(one_row, rotate)[0];
  write_pages(memory.pages[0], cached(one_row, rotate)[0], batch);
  const at::Tensor latents = read_pages(memory.pages[0], batch);
  at::Tensor y;  // [T, H, v]
  if (absorbing_is_cheaper(batch.longest(), latents.size(1))) {
    y = attend_absorbed(q, latents, batch);
  } else {
    const auto [k, v] = expanded(latents);
    y = attend(q, k, v, scale_, config_.sliding_window, batch);
  }
  return out_proj_(y.flatten(1));
}

bool Mla::absorbing_is_cheaper(int64_t length, int64_t held) const {
  const double l = static_cast<double>(length), s = static_cast<double>(held);
  const double heads = static_cast<double>(config_.heads), rank = static_cast<double>(config_.kv_rank);
  const double up = static_cast<double>(config_.nope_dim + config_.v_dim), rope = static_cast<double>(config_.rope_dim);
  const double absorbed = l * s * heads * (2 * rank + rope) + l * heads * up * rank;
  const double expanded = l * s * heads * (up + rope) + s * static_cast<double>(config_.kv_heads) * up * rank;
  return absorbed < expanded;
}

Mla::KeyValue Mla::expanded(const at::Tensor& cache) const {
  const int64_t batch = cache.size(0), held = cache.size(1);
  const auto parts = at::split_with_sizes(cache, {config_.kv_rank, config_.rope_dim}, -1);  // latent, rotated key
  const at::Tensor kv =
      kv_b_proj_(parts[0]).view({batch, held, config_.kv_heads, config_.nope_dim + config_.v_dim});  // [B, S, K, ..]
  const auto heads = at::split_with_sizes(kv, {config_.nope_dim, config_.v_dim}, -1);
  const at::Tensor k_rope = parts[1].unsqueeze(2).expand({batch, held, config_.kv_heads, config_.rope_dim});
  return {at::cat({heads[0], k_rope}, -1), heads[1]};
}

at::Tensor Mla::attend_absorbed(const at::Tensor& q, const at::Tensor& latents, const Batch& batch) const {
  const int64_t tokens = q.size(0), rank = config_.kv_rank;
  const int64_t shared = config_.heads / config_.kv_heads;  // query heads of one kv head
  const at::Tensor up = kv_b_proj_.weight.view({config_.kv_heads, config_.nope_dim + config_.v_dim, rank});
  const at::Tensor up_k = up.narrow(1, 0, config_.nope_dim), up_v = up.narrow(1, config_.nope_dim, config_.v_dim);
  // Heads first for one batched product over kv heads: [T, H, x] <-> [K, T * shared, x].
  const auto by_kv_head = [&](const at::Tensor& x) {
    return x.reshape({tokens, config_.kv_heads, shared, x.size(-1)})
        .transpose(0, 1)
        .reshape({config_.kv_heads, tokens * shared, x.size(-1)});
  };
  const auto by_token = [&](const at::Tensor& x) {
    return x.view({config_.kv_heads, tokens, shared, x.size(-1)})
        .transpose(0, 1)
        .reshape({tokens, config_.heads, x.size(-1)});
  };
  const at::Tensor q_latent = by_token(at::bmm(by_kv_head(q.narrow(-1, 0, config_.nope_dim)), up_k));
  const at::Tensor query = at::cat({q_latent, q.narrow(-1, config_.nope_dim, config_.rope_dim)}, -1);
  const at::Tensor keys = latents.unsqueeze(2);  // one kv head
  const at::Tensor mixed = attend(query, keys, keys.narrow(-1, 0, rank), scale_, config_.sliding_window, batch);
  return by_token(at::bmm(by_kv_head(mixed), up_v.transpose(1, 2)));  // [T, H, v]
}

void Mla::parameters(const std::string& prefix, const ParameterVisitor& visit) {
  if (config_.q_rank > 0) {
    visit_linear(prefix + ".q_a_proj", q_a_proj_, visit);
    if (config_.lora_norm) visit({prefix + ".q_a_layernorm.weight", Role::norm}, q_a_layernorm_.weight);
    visit_linear(prefix + ".q_b_proj", q_b_proj_, visit);
  } else {
    visit_linear(prefix + ".q_proj", q_proj_, visit);
  }
  visit_linear(prefix + ".kv_a_proj_with_mqa", kv_a_proj_with_mqa_, visit);
  if (config_.lora_norm) visit({prefix + ".kv_a_layernorm.weight", Role::norm}, kv_a_layernorm_.weight);
  visit_linear(prefix + ".kv_b_proj", kv_b_proj_, visit);
  visit_linear(prefix + ".out_proj", out_proj_, visit);
}

}  // namespace zebra
