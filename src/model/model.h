#pragma once
// The stack itself: embedding, blocks (norm, mixer, norm, MLP), final norm, head.
// B batch, L length, D hidden, V vocabulary.
#include <ATen/ATen.h>

#include <functional>
#include <memory>
#include <vector>

#include "layers/block.h"
#include "layers/mixer.h"
#include "model/config.h"

namespace zebra {

// Per-layer states of a batch that decodes together.
struct ModelState {
  std::vector<std::unique_ptr<State>> layers;
  size_t bytes() const;
  ModelState rows(const std::vector<int64_t>& places) const;  // a copy whose row i is this one's row places[i]
};

class Model {
 public:
  // Parameters are allocated, not initialised: load_model() or initialise_random() fills them.
  explicit Model(ModelConfig config, at::TensorOptions options = at::kFloat);

  const ModelConfig& config() const { return config_; }
  std::vector<Block>& blocks() { return blocks_; }
  const std::vector<Block>& blocks() const { return blocks_; }

  ModelState make_state(int64_t batch, int64_t capacity) const;

  at::Tensor embed(const at::Tensor& ids) const;  // int64 [B, L] -> [B, L, D]
  // Final-norm output [B, L, D] of int64 ids [B, L]. `tap` sees what happens inside each block (layers/block.h).
  at::Tensor hidden(const at::Tensor& ids, const Span& span = {}, ModelState* state = nullptr,
                    const Tap& tap = nullptr) const;
  at::Tensor logits(const at::Tensor& hidden) const { return head()(hidden); }  // [.., D] -> [.., V]
  const Linear& head() const { return lm_head_; }                               // the embedding itself where tied
  at::Tensor& embedding() { return embed_tokens_; }
  RmsNorm& final_norm() { return norm_; }

  // Every parameter once, by checkpoint name; a tied head is not visited.
  void parameters(const ParameterVisitor& visit);
  int64_t parameter_count();
  void to(at::TensorOptions options);
  void require_grad(bool on);
  // Whether hidden() keeps only the blocks' inputs for the gradient (ops/recompute.h): same outputs and gradients. Taps
  // then see the blocks' inputs and outputs, and nothing inside them.
  void recompute_blocks(bool on) { recompute_ = on; }

 private:
  // One token of one row on plain fp32 memory (Mixer::step), where everything allows it and no gradient is wanted.
  bool can_step(const at::Tensor& ids, const Span& span, const ModelState& state) const;
  at::Tensor step(int64_t id, ModelState& state) const;
  at::Tensor recomputed_block(size_t layer, const at::Tensor& x, const Span& span) const;

  ModelConfig config_;
  at::Tensor embed_tokens_;
  std::vector<Block> blocks_;
  RmsNorm norm_;
  Linear lm_head_;
  bool recompute_ = false;
};

}  // namespace zebra
