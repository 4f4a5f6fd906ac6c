#pragma once
// Rotary position embedding of layers: its frequencies, their scaling, and tables of cos and sin.
// The arithmetic is fp32 in the order of transformers, so that long positions round as they do there.
#include <ATen/ATen.h>

#include <memory>
#include <mutex>
#include <vector>

#include "layers/config.h"

namespace zebra {

// Radians per token of the `dim` / 2 pairs. Only dynamic scaling depends on `length`, the tokens seen in all.
std::vector<double> rope_frequencies(const RopeConfig& config, int64_t dim, int64_t length = 0);
// Factor of cos and sin (YaRN; 1 otherwise).
double rope_attention_factor(const RopeConfig& config);
// Factor of the softmax scale in an MLA layer: DeepSeek's mscale_all_dim.
double rope_softmax_factor(const RopeConfig& config);

struct Rotation {
  at::Tensor cos, sin;  // fp32 [1, L, dim / 2]
  bool interleaved = false;
  at::Tensor operator()(const at::Tensor& x) const;  // [B, L, H, >= dim]: the last dim entries of every head
};

// One kind of turning, with its tables; of a model's layers that turn alike there is one (Ropes).
class Rope {
 public:
  Rope(RopeConfig config, int64_t dim) : config_(std::move(config)), dim_(dim) {}

  // Of rows that begin at position 0.
  Rotation from_zero(int64_t length, at::Device device) const;
  // Of tokens at these positions, int64 [T] on the device, in a text of at most `length` tokens.
  Rotation at(const at::Tensor& positions, int64_t length) const;
  // Tables of at least `length` positions: fp32 [>= length, dim / 2] each, contiguous. Not for dynamic scaling past
  // max_position.
  std::pair<at::Tensor, at::Tensor> tables(int64_t length, at::Device device) const;
  // Makes them that long at once, so that decoding need not.
  void reserve(int64_t length, at::Device device) const;
  bool depends_on_length(int64_t length) const;
  bool interleaved() const { return config_.layout == RopeConfig::Layout::interleaved; }
  bool is(const RopeConfig& config, int64_t dim) const { return config_ == config && dim_ == dim; }

 private:
  RopeConfig config_;
  int64_t dim_;
  mutable std::mutex mutex_;
  mutable at::Tensor cos_, sin_;
};

// The ropes of a model: one for each distinct configuration and dimension.
class Ropes {
 public:
  std::shared_ptr<const Rope> of(const RopeConfig& config, int64_t dim);
  void reserve(int64_t length, at::Device device) const;

 private:
  std::vector<std::shared_ptr<const Rope>> all_;
};

}  // namespace zebra
