#pragma once
// Rotary position embedding of a layer: its frequencies, their scaling, and tables of cos and sin.
// The arithmetic is fp32 in the order of transformers, so that long positions round as they do there.
#include <ATen/ATen.h>

#include <mutex>
#include <vector>

#include "layers/config.h"
#include "layers/positions.h"

namespace zebra {

// Radians per token of the `dim` / 2 pairs. Only dynamic scaling depends on `length`, the tokens seen in all.
std::vector<double> rope_frequencies(const RopeConfig& config, int64_t dim, int64_t length = 0);
// Factor of cos and sin (YaRN; 1 otherwise).
double rope_attention_factor(const RopeConfig& config);
// Factor of the softmax scale in an MLA layer: DeepSeek's mscale_all_dim.
double rope_softmax_factor(const RopeConfig& config);

struct Rotation {
  at::Tensor cos, sin;  // fp32 [B or 1, L, dim / 2]
  bool interleaved = false;
  at::Tensor operator()(const at::Tensor& x) const;  // [B, L, H, dim]
};

class Rope {
 public:
  Rope(RopeConfig config, int64_t dim) : config_(std::move(config)), dim_(dim) {}

  Rotation rotation(const Positions& positions, at::Device device) const;
  // Tables of at least `length` positions: fp32 [>= length, dim / 2] each, contiguous. Not for dynamic scaling past
  // max_position.
  std::pair<at::Tensor, at::Tensor> tables(int64_t length, at::Device device) const;
  bool depends_on_length(int64_t length) const;
  bool interleaved() const { return config_.layout == RopeConfig::Layout::interleaved; }

 private:
  RopeConfig config_;
  int64_t dim_;
  mutable std::mutex mutex_;
  mutable at::Tensor cos_, sin_;
};

}  // namespace zebra
