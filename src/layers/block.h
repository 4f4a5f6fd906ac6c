#pragma once
// One layer of the stack: x += mixer(norm(x)); x += mlp(norm(x)).
#include <functional>
#include <memory>
#include <string>

#include "layers/config.h"
#include "layers/mixer.h"

namespace zebra {

struct RmsNorm {
  at::Tensor weight;  // [D]
  double eps = 1e-6;
  at::Tensor operator()(const at::Tensor& x) const;  // ops::rms_norm
};

struct Mlp {
  Linear gate_proj, up_proj, down_proj;
  std::string activation = "silu";
  at::Tensor operator()(const at::Tensor& x) const;
  at::Tensor neurons(const at::Tensor& x) const;  // what goes into down_proj: activation(gate) * up, [.., F]
  void parameters(const std::string& prefix, const ParameterVisitor& visit);
};

// What an observer of a forward pass may see, in this order per layer. Distillation and calibration hang here.
enum class TapPoint { block_input, mixer_input, mixer_output, block_output };
using Tap = std::function<void(int64_t layer, TapPoint point, const at::Tensor& value)>;

struct Block {
  RmsNorm input_layernorm, post_attention_layernorm;
  std::unique_ptr<Mixer> mixer;
  std::string mixer_key;  // "self_attn", "mla" or "mamba"
  Mlp mlp;

  at::Tensor forward(const at::Tensor& x, const Span& span, State* state, int64_t layer = 0,
                     const Tap& tap = nullptr) const;
  // Mixer::step and the rest of the block: x [D] in place.
  bool can_step(const State& state) const;
  void step(float* x, State& state) const;
  void parameters(const std::string& prefix, const ParameterVisitor& visit);  // prefix "model.layers.3"
};

// Uninitialised mixer of the given shape.
std::unique_ptr<Mixer> make_mixer(const MixerConfig& config, at::TensorOptions options);

}  // namespace zebra
