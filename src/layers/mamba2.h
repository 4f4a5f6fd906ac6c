#pragma once
// Mamba2 (Dao & Gu 2024) in the shape that MambaInLlama and Zebra-Llama give it: x stands for the value, B for the key
// and C for the query of the attention layer it replaces, with grouped heads of x and B.
// B batch, L length, H heads, K kv heads, P head dim of x, N = P state size, W conv width.
#include "layers/config.h"
#include "layers/mixer.h"
#include "layers/norm.h"

namespace zebra {

// Its memory: slots[0] [slots, W - 1, channels] are the convolution's inputs before the next token's, slots[1]
// [slots, H, P, N] the recurrence's state, fp32 at least.
class Mamba2 : public Mixer {
 public:
  Mamba2(const Mamba2Config& config, at::TensorOptions options, Ropes& ropes);  // turns by none of them
  at::Tensor inner(const at::Tensor& u) const override;
  at::Tensor mixing(const at::Tensor& u) const override;
  LayerMemory make_memory(const MemorySize& size) const override;
  at::Tensor extend(const at::Tensor& u, const Batch& batch, LayerMemory& memory) const override;
  bool can_step(const LayerMemory& memory) const override;
  void step(const float* u, float* y, LayerMemory& memory, int64_t row, int64_t position) const override;
  const Linear& output_projection() const override { return out_proj_; }
  void parameters(const std::string& prefix, const ParameterVisitor& visit) override;

 private:
  // The rows of in_proj after z: x, B and C as the convolution takes them, [B, L, channels].
  at::Tensor conv_input(const at::Tensor& xbc) const;
  struct Parts {
    at::Tensor z, dt;    // [B, L, d_inner], [B, L, H] after softplus
    at::Tensor input;    // of the convolution
    at::Tensor x, b, c;  // behind it: [B, L, K, P], [B, L, K, N], [B, L, H, N]
  };
  // projected [B, L, z | x | B | C | dt], past [B, W - 1, channels] or undefined: zeros.
  Parts parts(const at::Tensor& projected, const at::Tensor& past) const;
  at::Tensor gated(const at::Tensor& y, const at::Tensor& z) const;  // [B, L, H, P] -> [B, L, d_inner]

  // The convolution of one token: out [channels]; `past` [W - 1, channels] moves on.
  void conv_step(const float* xbc, float* out, float* past) const;

  Mamba2Config config_;
  Linear in_proj_, out_proj_;
  at::Tensor conv1d_weight_, conv1d_bias_;  // [channels, 1, W], [channels]
  at::Tensor A_log_, D_, dt_bias_;          // [H], fp32 at least
  RmsNorm norm_;                            // [d_inner], in groups of head_dim
};

}  // namespace zebra
