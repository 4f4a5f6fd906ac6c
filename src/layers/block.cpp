#include "layers/block.h"

#include "layers/step.h"

namespace zebra {

at::Tensor Block::behind_mixer(const at::Tensor& x, const at::Tensor& mixed) const {
  const at::Tensor h = x + mixed;
  return h + mlp(post_attention_layernorm(h));
}

at::Tensor Block::forward(const at::Tensor& x, const Rows& rows, int64_t layer, const Tap& tap) const {
  if (tap) tap(layer, TapPoint::block_input, x);
  const at::Tensor mixer_input = input_layernorm(x);
  if (tap) tap(layer, TapPoint::mixer_input, mixer_input);
  const at::Tensor mixed = mixer->forward(mixer_input, rows);
  if (tap) tap(layer, TapPoint::mixer_output, mixed);
  const at::Tensor y = behind_mixer(x, mixed);
  if (tap) tap(layer, TapPoint::block_output, y);
  return y;
}

at::Tensor Block::extend(const at::Tensor& x, const Batch& batch, LayerMemory& memory) const {
  return behind_mixer(x, mixer->extend(input_layernorm(x), batch, memory));
}

bool Block::can_step(const LayerMemory& memory) const {
  return mixer->can_step(memory) && step::is_plain(input_layernorm) && step::is_plain(post_attention_layernorm) &&
         step::is_plain(mlp.gate_proj) && step::is_plain(mlp.up_proj) && step::is_plain(mlp.down_proj) &&
         mlp.activation == "silu";
}

void Block::step(float* x, LayerMemory& memory, int64_t row, int64_t position) const {
  const int64_t width = input_layernorm.weight.size(0), inner = mlp.gate_proj.weight.size(0);
  const step::Floats u = step::floats(width), y = step::floats(width), gate = step::floats(inner),
                     up = step::floats(inner);
  const auto add_to_x = [&] {
    for (int64_t i = 0; i < width; ++i) x[i] += y[static_cast<size_t>(i)];
  };
  step::rms_norm(input_layernorm, x, u.get());
  mixer->step(u.get(), y.get(), memory, row, position);
  add_to_x();
  step::rms_norm(post_attention_layernorm, x, u.get());
  step::multiply(mlp.gate_proj, u.get(), gate.get());
  step::multiply(mlp.up_proj, u.get(), up.get());
  step::swiglu(gate.get(), up.get(), inner);
  step::multiply(mlp.down_proj, gate.get(), y.get());
  add_to_x();
}

void Block::parameters(const std::string& prefix, const ParameterVisitor& visit) {
  visit({prefix + ".input_layernorm.weight", Role::norm}, input_layernorm.weight);
  mixer->parameters(prefix + "." + mixer_key, visit);
  visit({prefix + ".post_attention_layernorm.weight", Role::norm}, post_attention_layernorm.weight);
  mlp.parameters(prefix + ".mlp", visit);
}

}  // namespace zebra
