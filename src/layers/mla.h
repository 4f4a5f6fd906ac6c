#pragma once
// Multi-head latent attention (DeepSeek-V2) as AMD's X-EcoMLA and Zebra-Llama shape it: keys and values are read from
// one latent per token, the rotated part of the key is shared by all heads, and only latent and shared key are cached.
// B batch, L length of this call, S positions held, H heads, K kv heads, R kv rank.
#include "layers/block.h"
#include "layers/rope.h"

namespace zebra {

struct MlaState : State {
  at::Tensor cache;  // [B, capacity, R + rope]: the (normalised) latent, then the rotated shared key
  size_t bytes() const override { return cache.nbytes(); }
  std::unique_ptr<State> rows(const at::Tensor& places) const override;
};

class Mla : public Mixer {
 public:
  Mla(const MlaConfig& config, at::TensorOptions options);
  std::unique_ptr<State> make_state(int64_t batch, int64_t capacity) const override;
  at::Tensor inner(const at::Tensor& u, const Span& span, State* state) const override;
  at::Tensor mixing(const at::Tensor& u) const override;
  bool can_step(const State& state) const override;
  void step(const float* u, float* y, State& state) const override;
  const Linear& output_projection() const override { return out_proj_; }
  void parameters(const std::string& prefix, const ParameterVisitor& visit) override;

 private:
  at::Tensor queries(const at::Tensor& u, const Rotation& rotate) const;  // [B, L, H, nope + rope]
  at::Tensor cached(const at::Tensor& u, const Rotation& rotate) const;   // [B, L, R + rope]
  struct KeyValue {
    at::Tensor k, v;  // [B, S, K, nope + rope], [B, S, K, v]
  };
  KeyValue expanded(const at::Tensor& cache) const;
  // Expands keys and values from the latents, then attends as usual.
  at::Tensor attend_expanded(const at::Tensor& q, const at::Tensor& cache, const Positions& positions,
                             bool block) const;
  // Moves kv_b_proj to the query and output side and attends on the latents themselves: the same numbers, nothing
  // expanded. Cheaper when there are few queries for many positions.
  at::Tensor attend_absorbed(const at::Tensor& q, const at::Tensor& cache, const Positions& positions,
                             bool block) const;
  bool absorbing_is_cheaper(int64_t length, int64_t held) const;

  MlaConfig config_;
  double scale_;
  Rope rope_;
  Linear q_proj_, q_a_proj_, q_b_proj_, kv_a_proj_with_mqa_, kv_b_proj_, out_proj_;
  RmsNorm q_a_layernorm_, kv_a_layernorm_;
};

}  // namespace zebra
