#pragma once
// Mamba2 (Dao & Gu 2024) in the shape that MambaInLlama and Zebra-Llama give it: x stands for the value, B for the key
// and C for the query of the attention layer it replaces, with grouped heads of x and B.
// B batch, L length of this call, H heads, K kv heads, P head dim of x, N = P state size, W conv width.
#include "layers/block.h"
#include "layers/positions.h"

namespace zebra {

struct Mamba2State : State {
  at::Tensor conv;  // [B, W - 1, channels]: the inputs before the next token's
  at::Tensor ssm;   // [B, H, P, N], fp32 at least
  size_t bytes() const override { return conv.nbytes() + ssm.nbytes(); }
  std::unique_ptr<State> rows(const at::Tensor& places) const override;
};

class Mamba2 : public Mixer {
 public:
  Mamba2(const Mamba2Config& config, at::TensorOptions options);
  std::unique_ptr<State> make_state(int64_t batch, int64_t capacity) const override;
  at::Tensor inner(const at::Tensor& u, const Span& span, State* state) const override;
  at::Tensor mixing(const at::Tensor& u) const override;
  bool can_step(const State& state) const override;
  void step(const float* u, float* y, State& state) const override;
  const Linear& output_projection() const override { return out_proj_; }
  void parameters(const std::string& prefix, const ParameterVisitor& visit) override;

 private:
  int64_t channels() const;  // of the convolution
  // The rows of in_proj after z: x, B and C as the convolution takes them, [B, L, channels].
  at::Tensor conv_input(const at::Tensor& xbc) const;
  struct Parts {
    at::Tensor z, dt;    // [B, L, d_inner], [B, L, H] after softplus
    at::Tensor input;    // of the convolution
    at::Tensor x, b, c;  // behind it: [B, L, K, P], [B, L, K, N], [B, L, H, N]
  };
  Parts parts(const at::Tensor& u, const at::Tensor& past) const;  // past [B, W - 1, channels], or undefined: zeros
  void remember_inputs(Mamba2State& state, const at::Tensor& input, const Positions& positions) const;

  // The convolution of one token: out [channels]; `past` [W - 1, channels] moves on.
  void conv_step(const float* xbc, float* out, float* past) const;

  Mamba2Config config_;
  Linear in_proj_, out_proj_;
  at::Tensor conv1d_weight_, conv1d_bias_;  // [channels, 1, W], [channels]
  at::Tensor A_log_, D_, dt_bias_;          // [H], fp32 at least
  RmsNorm norm_;                            // [d_inner], in groups of head_dim
};

}  // namespace zebra
