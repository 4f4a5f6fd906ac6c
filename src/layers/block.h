#pragma once
// One layer of the stack: x += mixer(norm(x)); x += mlp(norm(x)).
#include <functional>
#include <memory>
#include <string>

#include "layers/mixer.h"
#include "layers/mlp.h"
#include "layers/norm.h"

namespace zebra {

// What an observer of a forward pass may see, in this order per layer. Distillation and calibration hang here.
enum class TapPoint { block_input, mixer_input, mixer_output, block_output };
using Tap = std::function<void(int64_t layer, TapPoint point, const at::Tensor& value)>;

struct Block {
  RmsNorm input_layernorm, post_attention_layernorm;
  std::unique_ptr<Mixer> mixer;
  std::string mixer_key;  // the folder name of its parameters: MixerFacts::key()
  Mlp mlp;

  at::Tensor forward(const at::Tensor& x, const Rows& rows = {}, int64_t layer = 0, const Tap& tap = nullptr) const;
  // Mixer::extend and the rest of the block: x [T, D] -> [T, D].
  at::Tensor extend(const at::Tensor& x, const Batch& batch, LayerMemory& memory) const;
  // Mixer::step and the rest of the block: x [D] in place.
  bool can_step(const LayerMemory& memory) const;
  void step(float* x, LayerMemory& memory, int64_t row, int64_t position) const;
  void parameters(const std::string& prefix, const ParameterVisitor& visit);  // prefix "model.layers.3"

 private:
  at::Tensor behind_mixer(const at::Tensor& x, const at::Tensor& mixed) const;
};

}  // namespace zebra
