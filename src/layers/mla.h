#pragma once
// Multi-head latent attention (DeepSeek-V2) as AMD's X-EcoMLA and Zebra-Llama shape it: keys and values are read from
// one latent per token, the rotated part of the key is shared by all heads, and only latent and shared key are cached.
// B batch, L length, T tokens of a call that continues S sequences, n positions held, H heads, K kv heads, R kv rank.
#include "layers/config.h"
#include "layers/mixer.h"
#include "layers/norm.h"

namespace zebra {

// Its memory: pages[0] [pages, page, R + rope], the (normalised) latent, then the rotated shared key.
class Mla : public Mixer {
 public:
  Mla(const MlaConfig& config, at::TensorOptions options, Ropes& ropes);
  at::Tensor inner(const at::Tensor& u) const override;
  at::Tensor mixing(const at::Tensor& u) const override;
  LayerMemory make_memory(const MemorySize& size) const override;
  at::Tensor extend(const at::Tensor& u, const Batch& batch, LayerMemory& memory) const override;
  bool can_step(const LayerMemory& memory) const override;
  void step(const float* u, float* y, LayerMemory& memory, int64_t row, int64_t position) const override;
  const Linear& output_projection() const override { return out_proj_; }
  void parameters(const std::string& prefix, const ParameterVisitor& visit) override;

 private:
  at::Tensor queries(const at::Tensor& u, const Rotation& rotate) const;  // [B, L, H, nope + rope]
  at::Tensor cached(const at::Tensor& u, const Rotation& rotate) const;   // [B, L, R + rope]
  struct KeyValue {
    at::Tensor k, v;  // [B, L, K, nope + rope], [B, L, K, v]
  };
  KeyValue expanded(const at::Tensor& cache) const;
  // Moves kv_b_proj to the query and output side and attends on the latents themselves: the same numbers, nothing
  // expanded. Cheaper when there are few queries for many positions. q [T, H, nope + rope], latents [S, n, R + rope].
  at::Tensor attend_absorbed(const at::Tensor& q, const at::Tensor& latents, const Batch& batch) const;
  bool absorbing_is_cheaper(int64_t length, int64_t held) const;

  MlaConfig config_;
  double scale_;
  std::shared_ptr<const Rope> rope_;
  Linear q_proj_, q_a_proj_, q_b_proj_, kv_a_proj_with_mqa_, kv_b_proj_, out_proj_;
  RmsNorm q_a_layernorm_, kv_a_layernorm_;
};

}  // namespace zebra
