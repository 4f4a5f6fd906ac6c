#include "layers/block.h"

#include "base/error.h"
#include "layers/attention.h"
#include "layers/mamba2.h"
#include "layers/mla.h"
#include "layers/parameters.h"
#include "layers/step.h"
#include "ops/mlp.h"
#include "ops/rms_norm.h"
#include "ops/swiglu.h"

namespace zebra {

at::Tensor RmsNorm::operator()(const at::Tensor& x) const {
  return ops::rms_norm(x, weight, eps);
}

at::Tensor Mlp::operator()(const at::Tensor& x) const {
  if (activation == "silu" && !gate_proj.bias.defined() && !up_proj.bias.defined() && !down_proj.bias.defined()) {
    return ops::mlp(x, gate_proj.weight, up_proj.weight, down_proj.weight);
  }
  return down_proj(neurons(x));
}

at::Tensor Mlp::neurons(const at::Tensor& x) const {
  const at::Tensor gate = gate_proj(x), up = up_proj(x);
  if (activation == "silu") return ops::swiglu(gate, up);
  if (activation == "gelu") return at::gelu(gate) * up;
  if (activation == "gelu_pytorch_tanh" || activation == "gelu_new") return at::gelu(gate, "tanh") * up;
  if (activation == "relu") return at::relu(gate) * up;
  fail_input("hidden_act: expected silu, gelu, gelu_pytorch_tanh, gelu_new or relu, found \"", activation, "\"");
}

void Mlp::parameters(const std::string& prefix, const ParameterVisitor& visit) {
  visit_linear(prefix + ".gate_proj", gate_proj, visit);
  visit_linear(prefix + ".up_proj", up_proj, visit);
  visit_linear(prefix + ".down_proj", down_proj, visit);
}

at::Tensor Block::forward(const at::Tensor& x, const Span& span, State* state, int64_t layer, const Tap& tap) const {
  if (tap) tap(layer, TapPoint::block_input, x);
  const at::Tensor mixer_input = input_layernorm(x);
  if (tap) tap(layer, TapPoint::mixer_input, mixer_input);
  const at::Tensor mixed = mixer->forward(mixer_input, span, state);
  if (tap) tap(layer, TapPoint::mixer_output, mixed);
  const at::Tensor h = x + mixed;
  const at::Tensor y = h + mlp(post_attention_layernorm(h));
  if (tap) tap(layer, TapPoint::block_output, y);
  return y;
}

bool Block::can_step(const State& state) const {
  return mixer->can_step(state) && step::is_plain(input_layernorm) && step::is_plain(post_attention_layernorm) &&
         step::is_plain(mlp.gate_proj) && step::is_plain(mlp.up_proj) && step::is_plain(mlp.down_proj) &&
         mlp.activation == "silu";
}

void Block::step(float* x, State& state) const {
  const int64_t width = input_layernorm.weight.size(0), inner = mlp.gate_proj.weight.size(0);
  const step::Floats u = step::floats(width), y = step::floats(width), gate = step::floats(inner),
                     up = step::floats(inner);
  const auto add_to_x = [&] {
    for (int64_t i = 0; i < width; ++i) x[i] += y[static_cast<size_t>(i)];
  };
  step::rms_norm(input_layernorm, x, u.get());
  mixer->step(u.get(), y.get(), state);
  add_to_x();
  step::rms_norm(post_attention_layernorm, x, u.get());
  step::multiply(mlp.gate_proj, u.get(), gate.get());
  step::multiply(mlp.up_proj, u.get(), up.get());
  step::swiglu(gate.get(), up.get(), inner);
  step::multiply(mlp.down_proj, gate.get(), y.get());
  add_to_x();
}

void Block::parameters(const std::string& prefix, const ParameterVisitor& visit) {
  visit(prefix + ".input_layernorm.weight", input_layernorm.weight);
  mixer->parameters(prefix + "." + mixer_key, visit);
  visit(prefix + ".post_attention_layernorm.weight", post_attention_layernorm.weight);
  mlp.parameters(prefix + ".mlp", visit);
}

std::unique_ptr<Mixer> make_mixer(const MixerConfig& config, at::TensorOptions options) {
  if (const auto* attention = std::get_if<AttentionConfig>(&config)) {
    return std::make_unique<Attention>(*attention, options);
  }
  if (const auto* mla = std::get_if<MlaConfig>(&config)) return std::make_unique<Mla>(*mla, options);
  return std::make_unique<Mamba2>(std::get<Mamba2Config>(config), options);
}

}  // namespace zebra
