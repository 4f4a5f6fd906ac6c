#pragma once
// The shape of softmax attention. The names are those of the checkpoints (docs/formats.md).
#include <cstdint>
#include <string>

#include "layers/mixer_facts.h"
#include "layers/rope_config.h"

namespace zebra {

struct AttentionConfig {
  int64_t hidden = 0, heads = 0, kv_heads = 0, head_dim = 0;
  bool qkv_bias = false, out_bias = false;
  bool qk_norm = false;        // Qwen3: RMSNorm of every q and k head
  double norm_eps = 1e-6;      // of qk_norm
  int64_t sliding_window = 0;  // 0 = none; else a token sees itself and the window-1 before it
  RopeConfig rope;
  bool operator==(const AttentionConfig&) const = default;

  static constexpr const char* kKind = "attention";
  static constexpr const char* kKey = "self_attn";
  static constexpr const char* kColour = "#8d99ae";
  static constexpr Resemblance kResemblance = Resemblance::whole;
  std::string shape() const;
  void describe(Json& out) const;
  void check(const ConfigChecks& checks) const;
  double weights() const;
  int64_t cached_values() const;
  int64_t window() const;
  StateSize state() const;
  double flops(double seen) const;
  AttentionConfig replaced() const;
  AttentionConfig canonical() const;
};

}  // namespace zebra
