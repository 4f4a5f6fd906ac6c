#pragma once
// The shape of Mamba2 as it stands for attention. The names are those of the checkpoints (docs/formats.md).
#include <cstdint>
#include <string>

#include "layers/attention_config.h"

namespace zebra {

struct Mamba2Config {
  int64_t hidden = 0;
  int64_t heads = 0;     // = groups of C; head_dim = d_state
  int64_t kv_heads = 0;  // heads of x and B before they are repeated
  int64_t head_dim = 0;
  bool repeat_kv_before_conv = false;
  double norm_eps = 1e-5;  // gated group norm
  int64_t conv_width = 4;
  int64_t d_inner() const { return heads * head_dim; }
  int64_t d_xb() const { return kv_heads * head_dim; }
  int64_t channels() const;  // of the convolution
  bool operator==(const Mamba2Config&) const = default;

  static constexpr const char* kKind = "mamba2";
  static constexpr const char* kKey = "mamba";
  static constexpr const char* kColour = "#2a9d8f";
  static constexpr Resemblance kResemblance = Resemblance::heads;
  std::string shape() const;
  void describe(Json& out) const;
  void check(const ConfigChecks& checks) const;
  double weights() const;
  int64_t cached_values() const;
  int64_t window() const;
  StateSize state() const;
  double flops(double seen) const;
  AttentionConfig replaced() const;
  Mamba2Config canonical() const;
};

}  // namespace zebra
