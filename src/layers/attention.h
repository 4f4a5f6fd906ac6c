#pragma once
// Softmax attention with grouped key and value heads, as Llama, Mistral, Qwen2 and Qwen3 have it.
// B batch, L length, T tokens of a call that continues sequences, H heads, K kv heads, P head dim.
#include "layers/config.h"
#include "layers/mixer.h"
#include "layers/norm.h"

namespace zebra {

// Its memory: pages[0] are the rotated keys, pages[1] the values, [pages, page, K, P] each.
class Attention : public Mixer {
 public:
  Attention(const AttentionConfig& config, at::TensorOptions options, Ropes& ropes);
  at::Tensor inner(const at::Tensor& u) const override;
  at::Tensor mixing(const at::Tensor& u) const override;
  LayerMemory make_memory(const MemorySize& size) const override;
  at::Tensor extend(const at::Tensor& u, const Batch& batch, LayerMemory& memory) const override;
  bool can_step(const LayerMemory& memory) const override;
  void step(const float* u, float* y, LayerMemory& memory, int64_t row, int64_t position) const override;
  const Linear& output_projection() const override { return o_proj_; }
  void parameters(const std::string& prefix, const ParameterVisitor& visit) override;

 private:
  // [B, L, H, P] and [B, L, K, P]: normed and rotated.
  struct QueryKey {
    at::Tensor q, k;
  };
  QueryKey query_key(const at::Tensor& u, const Rotation& rotate) const;
  at::Tensor values(const at::Tensor& u) const;  // [B, L, K, P]

  AttentionConfig config_;
  double scale_;
  std::shared_ptr<const Rope> rope_;
  Linear q_proj_, k_proj_, v_proj_, o_proj_;
  RmsNorm q_norm_, k_norm_;
};

}  // namespace zebra
