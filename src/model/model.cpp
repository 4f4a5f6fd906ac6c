#include "model/model.h"

#include <c10/core/GradMode.h>

#include <algorithm>

#include "layers/parameters.h"
#include "layers/step.h"
#include "ops/embedding.h"
#include "ops/recompute.h"

namespace zebra {

ModelState ModelState::rows(const std::vector<int64_t>& places) const {
  const at::Tensor chosen = at::tensor(places, at::kLong);
  ModelState out;
  for (const auto& layer : layers) out.layers.push_back(layer->rows(chosen));
  return out;
}

size_t ModelState::bytes() const {
  size_t total = 0;
  for (const auto& layer : layers) total += layer->bytes();
  return total;
}

Model::Model(ModelConfig config, at::TensorOptions options) : config_(std::move(config)) {
  const auto norm = [&] { return RmsNorm{make_fp32_vector(config_.hidden, options), config_.norm_eps}; };
  embed_tokens_ = at::empty({config_.vocab, config_.hidden}, options);
  for (const MixerConfig& mixer : config_.mixers) {
    Block block;
    block.input_layernorm = norm();
    block.post_attention_layernorm = norm();
    block.mixer = make_mixer(mixer, options);
    block.mixer_key = mixer_key(mixer);
    block.mlp.gate_proj = make_linear(config_.hidden, config_.intermediate, config_.mlp_bias, options);
    block.mlp.up_proj = make_linear(config_.hidden, config_.intermediate, config_.mlp_bias, options);
    block.mlp.down_proj = make_linear(config_.intermediate, config_.hidden, config_.mlp_bias, options);
    block.mlp.activation = config_.hidden_act;
    blocks_.push_back(std::move(block));
  }
  norm_ = norm();
  if (config_.tied) {
    lm_head_.weight = embed_tokens_;
  } else {
    lm_head_ = make_linear(config_.hidden, config_.vocab, false, options);
  }
}

ModelState Model::make_state(int64_t batch, int64_t capacity) const {
  ModelState state;
  for (const Block& block : blocks_) state.layers.push_back(block.mixer->make_state(batch, capacity));
  return state;
}

at::Tensor Model::embed(const at::Tensor& ids) const {
  return ops::embedding(embed_tokens_, ids);
}

bool Model::can_step(const at::Tensor& ids, const Span& span, const ModelState& state) const {
  if (ids.numel() != 1 || !ids.is_cpu() || span.lengths.defined() || c10::GradMode::is_enabled()) return false;
  if (!step::is_plain(embed_tokens_) || !step::is_plain(norm_)) return false;
  for (size_t layer = 0; layer < blocks_.size(); ++layer) {
    if (!blocks_[layer].can_step(*state.layers[layer])) return false;
  }
  return true;
}

at::Tensor Model::step(int64_t id, ModelState& state) const {
  TORCH_CHECK_INDEX(id >= 0 && id < config_.vocab, "token ", id, " of a vocabulary of ", config_.vocab);
  at::Tensor x = at::empty({1, 1, config_.hidden}, embed_tokens_.options());
  std::copy_n(step::data(embed_tokens_) + id * config_.hidden, config_.hidden, step::data(x));
  for (size_t layer = 0; layer < blocks_.size(); ++layer) blocks_[layer].step(step::data(x), *state.layers[layer]);
  step::rms_norm(norm_, step::data(x), step::data(x));
  return x;
}

at::Tensor Model::recomputed_block(size_t layer, const at::Tensor& x, const Span& span) const {
  const Block& block = blocks_[layer];
  std::vector<at::Tensor> parameters;
  // Only read here; the visitor is for those who replace them, too.
  const_cast<Block&>(block).parameters("", [&](const std::string&, at::Tensor& value) { parameters.push_back(value); });
  return ops::recomputed({x}, parameters, [&block, span](const ops::Tensors& in) {
    return ops::Tensors{block.forward(in[0], span, nullptr)};
  })[0];
}

at::Tensor Model::hidden(const at::Tensor& ids, const Span& span, ModelState* state, const Tap& tap) const {
  if (state != nullptr && !tap && can_step(ids, span, *state)) return step(ids.item<int64_t>(), *state);
  at::Tensor x = embed(ids);
  const bool recompute = recompute_ && state == nullptr && c10::GradMode::is_enabled();
  for (size_t layer = 0; layer < blocks_.size(); ++layer) {
    if (recompute) {
      if (tap) tap(static_cast<int64_t>(layer), TapPoint::block_input, x);
      x = recomputed_block(layer, x, span);
      if (tap) tap(static_cast<int64_t>(layer), TapPoint::block_output, x);
      continue;
    }
    State* memory = state != nullptr ? state->layers[layer].get() : nullptr;
    x = blocks_[layer].forward(x, span, memory, static_cast<int64_t>(layer), tap);
  }
  return norm_(x);
}

void Model::parameters(const ParameterVisitor& visit) {
  visit("model.embed_tokens.weight", embed_tokens_);
  for (size_t layer = 0; layer < blocks_.size(); ++layer) {
    blocks_[layer].parameters("model.layers." + std::to_string(layer), visit);
  }
  visit("model.norm.weight", norm_.weight);
  if (config_.tied) {
    lm_head_.weight = embed_tokens_;  // the visitor may have replaced it
  } else {
    visit("lm_head.weight", lm_head_.weight);
  }
}

int64_t Model::parameter_count() {
  int64_t count = 0;
  parameters([&](const std::string&, const at::Tensor& value) { count += value.numel(); });
  return count;
}

void Model::to(at::TensorOptions options) {
  parameters([&](const std::string& name, at::Tensor& value) {
    const auto type =
        options.has_dtype() ? parameter_dtype(name, at::typeMetaToScalarType(options.dtype())) : value.scalar_type();
    value = value.detach().to(options.has_device() ? options.device() : value.device(), type);
  });
}

void Model::require_grad(bool on) {
  parameters([&](const std::string&, at::Tensor& value) { value.set_requires_grad(on); });
}

}  // namespace zebra
