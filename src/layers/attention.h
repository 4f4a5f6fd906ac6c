#pragma once
// Softmax attention with grouped key and value heads, as Llama, Mistral, Qwen2 and Qwen3 have it.
// B batch, L length of this call, S positions held, H heads, K kv heads, P head dim.
#include "layers/block.h"
#include "layers/rope.h"

namespace zebra {

struct AttentionState : State {
  at::Tensor k, v;  // [B, capacity, K, P]; k rotated
  size_t bytes() const override;
  std::unique_ptr<State> rows(const at::Tensor& places) const override;
};

class Attention : public Mixer {
 public:
  Attention(const AttentionConfig& config, at::TensorOptions options);
  std::unique_ptr<State> make_state(int64_t batch, int64_t capacity) const override;
  at::Tensor inner(const at::Tensor& u, const Span& span, State* state) const override;
  at::Tensor mixing(const at::Tensor& u) const override;
  bool can_step(const State& state) const override;
  void step(const float* u, float* y, State& state) const override;
  const Linear& output_projection() const override { return o_proj_; }
  void parameters(const std::string& prefix, const ParameterVisitor& visit) override;

 private:
  // [B, L, H, P] and [B, L, K, P]: normed and rotated.
  struct QueryKey {
    at::Tensor q, k;
  };
  QueryKey query_key(const at::Tensor& u, const Positions& positions) const;

  AttentionConfig config_;
  double scale_;
  Rope rope_;
  Linear q_proj_, k_proj_, v_proj_, o_proj_;
  RmsNorm q_norm_, k_norm_;
};

}  // namespace zebra
