#pragma once
// The stack itself: embedding, blocks (norm, mixer, norm, MLP), final norm, head.
// B batch, L length, D hidden, V vocabulary; T tokens of a call that continues sequences.
#include <ATen/ATen.h>

#include <functional>
#include <memory>
#include <vector>

#include "layers/block.h"
#include "layers/mixer.h"
#include "model/config.h"

namespace zebra {

// What all layers remember of sequences.
struct ModelMemory {
  std::vector<LayerMemory> layers;
  size_t bytes() const;
  // Memory of these pages and slots only, copied, in this order.
  ModelMemory copy(const std::vector<int64_t>& pages, const std::vector<int64_t>& slots) const;
};

class Model {
 public:
  // Parameters are allocated, not initialised: load_model() or initialise_random() fills them.
  explicit Model(ModelConfig config, at::TensorOptions options = at::kFloat);

  const ModelConfig& config() const { return config_; }
  std::vector<Block>& blocks() { return blocks_; }
  const std::vector<Block>& blocks() const { return blocks_; }

  at::Tensor embed(const at::Tensor& ids) const;  // int64 [B, L] -> [B, L, D]
  // Final-norm output [B, L, D] of int64 ids [B, L], rows that begin at position 0 and are not remembered. `tap` sees
  // what happens inside each block (layers/block.h).
  at::Tensor hidden(const at::Tensor& ids, const Rows& rows = {}, const Tap& tap = nullptr) const;

  ModelMemory make_memory(const MemorySize& size) const;
  // Makes the tables of positions that long at once, so that decoding need not.
  void reserve_positions(int64_t length) const { ropes_.reserve(length, embed_tokens_.device()); }
  // Final-norm output [T, D] of tokens that continue what `memory` holds of their sequences.
  at::Tensor extend(const Batch& batch, ModelMemory& memory) const;
  // The same for one token on plain fp32 memory (Mixer::step), where can_step() allows it and no gradient is wanted:
  // ids [1] -> [1, D], of the sequence with page and slot `row`, at `position`.
  bool can_step(const at::Tensor& ids, const ModelMemory& memory) const;
  at::Tensor step(const at::Tensor& ids, ModelMemory& memory, int64_t row, int64_t position) const;

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
  at::Tensor recomputed_block(size_t layer, const at::Tensor& x, const Rows& rows) const;

  ModelConfig config_;
  Ropes ropes_;
  at::Tensor embed_tokens_;
  std::vector<Block> blocks_;
  RmsNorm norm_;
  Linear lm_head_;
  bool recompute_ = false;
};

}  // namespace zebra
