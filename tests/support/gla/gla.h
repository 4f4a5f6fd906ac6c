#pragma once
// B batch, L length, T tokens of a call that continues S sequences, H heads, P head dim.
#include "layers/mixer.h"
#include "support/gla/config.h"

namespace zebra {

// Its memory: slots[0] [slots, H, P, P], the state S, fp32 at least.
class Gla : public Mixer {
 public:
  Gla(const GlaConfig& config, at::TensorOptions options, Ropes& ropes);
  at::Tensor inner(const at::Tensor& u) const override;
  at::Tensor mixing(const at::Tensor& u) const override;
  LayerMemory make_memory(const MemorySize& size) const override;
  at::Tensor extend(const at::Tensor& u, const Batch& batch, LayerMemory& memory) const override;
  const Linear& output_projection() const override { return o_proj_; }
  void parameters(const std::string& prefix, const ParameterVisitor& visit) override;

 private:
  struct Parts {
    at::Tensor q, k, v, log_gate;  // [B, H, L, P] three times, [B, H, L]
  };
  Parts parts(const at::Tensor& u) const;
  // From a state [B, H, P, P] on: outputs [B, L, H * P], and the state behind them.
  std::pair<at::Tensor, at::Tensor> run(const Parts& parts, const at::Tensor& state) const;

  GlaConfig config_;
  Linear q_proj_, k_proj_, v_proj_, g_proj_, o_proj_;
};

}  // namespace zebra
