#include "model/model.h"

#include <c10/core/GradMode.h>

#include <algorithm>

#include "layers/mixer_kinds.h"
#include "layers/parameters.h"
#include "layers/step.h"
#include "model/names.h"
#include "ops/embedding.h"
#include "ops/recompute.h"

namespace zebra {

size_t ModelMemory::bytes() const {
  size_t total = 0;
  for (const LayerMemory& layer : layers) total += layer.bytes();
  return total;
}

ModelMemory ModelMemory::copy(const std::vector<int64_t>& pages, const std::vector<int64_t>& slots) const {
  const auto copied = [](const std::vector<at::Tensor>& tensors, at::Tensor& places) {
    std::vector<at::Tensor> out;
    for (const at::Tensor& all : tensors) {
      places = places.to(all.device());  // once: all layers are on one device
      out.push_back(all.index_select(0, places));
    }
    return out;
  };
  at::Tensor page_places = at::tensor(pages, at::kLong), slot_places = at::tensor(slots, at::kLong);
  ModelMemory out;
  for (const LayerMemory& layer : layers) {
    out.layers.push_back({copied(layer.pages, page_places), copied(layer.slots, slot_places)});
  }
  return out;
}

Model::Model(ModelConfig config, at::TensorOptions options) : config_(std::move(config)) {
  const auto norm = [&] { return RmsNorm{make_fp32_vector(config_.hidden, options), config_.norm_eps}; };
  embed_tokens_ = at::empty({config_.vocab, config_.hidden}, options);
  for (const MixerConfig& mixer : config_.mixers) {
    Block block;
    block.input_layernorm = norm();
    block.post_attention_layernorm = norm();
    block.mixer = make_mixer(mixer, options, ropes_);
    block.mixer_key = mixer->key();
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

ModelMemory Model::make_memory(const MemorySize& size) const {
  ModelMemory memory;
  for (const Block& block : blocks_) memory.layers.push_back(block.mixer->make_memory(size));
  return memory;
}

at::Tensor Model::embed(const at::Tensor& ids) const {
  return ops::embedding(embed_tokens_, ids);
}

at::Tensor Model::extend(const Batch& batch, ModelMemory& memory) const {
  at::Tensor x = embed(batch.ids);
  for (size_t layer = 0; layer < blocks_.size(); ++layer) {
    x = blocks_[layer].extend(x, batch, memory.layers[layer]);
  }
  return norm_(x);
}

bool Model::can_step(const at::Tensor& ids, const ModelMemory& memory) const {
  if (ids.numel() != 1 || !ids.is_cpu() || c10::GradMode::is_enabled()) return false;
  if (!step::is_plain(embed_tokens_) || !step::is_plain(norm_)) return false;
  for (size_t layer = 0; layer < blocks_.size(); ++layer) {
    if (!blocks_[layer].can_step(memory.layers[layer])) return false;
  }
  return true;
}

at::Tensor Model::step(const at::Tensor& ids, ModelMemory& memory, int64_t row, int64_t position) const {
  const auto id = ids.item<int64_t>();
  TORCH_CHECK_INDEX(id >= 0 && id < config_.vocab, "token ", id, " of a vocabulary of ", config_.vocab);
  at::Tensor x = at::empty({1, config_.hidden}, embed_tokens_.options());
  std::copy_n(step::data(embed_tokens_) + id * config_.hidden, config_.hidden, step::data(x));
  for (size_t layer = 0; layer < blocks_.size(); ++layer) {
    blocks_[layer].step(step::data(x), memory.layers[layer], row, position);
  }
  step::rms_norm(norm_, step::data(x), step::data(x));
  return x;
}

at::Tensor Model::recomputed_block(size_t layer, const at::Tensor& x, const Rows& rows) const {
  const Block& block = blocks_[layer];
  std::vector<at::Tensor> parameters;
  // Only read here; the visitor is for those who replace them, too.
  const_cast<Block&>(block).parameters("", [&](const std::string&, at::Tensor& value) { parameters.push_back(value); });
  return ops::recomputed(
      {x}, parameters, [&block, rows](const ops::Tensors& in) { return ops::Tensors{block.forward(in[0], rows)}; })[0];
}

at::Tensor Model::hidden(const at::Tensor& ids, const Rows& rows, const Tap& tap) const {
  at::Tensor x = embed(ids);
  const bool recompute = recompute_ && c10::GradMode::is_enabled();
  for (size_t layer = 0; layer < blocks_.size(); ++layer) {
    const auto index = static_cast<int64_t>(layer);
    if (recompute) {
      if (tap) tap(index, TapPoint::block_input, x);
      x = recomputed_block(layer, x, rows);
      if (tap) tap(index, TapPoint::block_output, x);
    } else {
      x = blocks_[layer].forward(x, rows, index, tap);
    }
  }
  return norm_(x);
}

void Model::parameters(const ParameterVisitor& visit) {
  visit({"model.embed_tokens.weight", Role::embedding}, embed_tokens_);
  for (size_t layer = 0; layer < blocks_.size(); ++layer) {
    blocks_[layer].parameters(layer_prefix(static_cast<int64_t>(layer)), visit);
  }
  visit({"model.norm.weight", Role::norm}, norm_.weight);
  if (config_.tied) {
    lm_head_.weight = embed_tokens_;  // the visitor may have replaced it
  } else {
    visit({"lm_head.weight", Role::head}, lm_head_.weight);
  }
}

int64_t Model::parameter_count() {
  int64_t count = 0;
  parameters([&](const std::string&, const at::Tensor& value) { count += value.numel(); });
  return count;
}

void Model::to(at::TensorOptions options) {
  parameters([&](const Parameter& parameter, at::Tensor& value) {
    const auto type = options.has_dtype() ? parameter_dtype(parameter.role, at::typeMetaToScalarType(options.dtype()))
                                          : value.scalar_type();
    value = value.detach().to(options.has_device() ? options.device() : value.device(), type);
  });
}

void Model::require_grad(bool on) {
  parameters([&](const std::string&, at::Tensor& value) { value.set_requires_grad(on); });
}

}  // namespace zebra
