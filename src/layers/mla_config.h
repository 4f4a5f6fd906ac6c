#pragma once
// The shape of multi-head latent attention. The names are those of the checkpoints (docs/formats.md).
#include <cstdint>
#include <string>

#include "layers/attention_config.h"

namespace zebra {

struct MlaConfig {
  int64_t hidden = 0, heads = 0;
  int64_t kv_heads = 0;  // heads in kv_b_proj; query head h reads kv head h / (heads / kv_heads)
  int64_t q_rank = 0;    // 0 = exact q_proj
  int64_t kv_rank = 0;
  int64_t nope_dim = 0, rope_dim = 0, v_dim = 0;
  bool lora_norm = false;      // q_a_layernorm, kv_a_layernorm, eps 1e-6
  bool qkv_bias = false;       // attention_bias of the config
  int64_t sliding_window = 0;  // as in attention; our own key, AMD's layers have none
  RopeConfig rope;
  bool operator==(const MlaConfig&) const = default;

  static constexpr const char* kKind = "mla";
  static constexpr const char* kKey = "mla";
  static constexpr const char* kColour = "#d1495b";
  static constexpr Resemblance kResemblance = Resemblance::guess;
  std::string shape() const;
  void describe(Json& out) const;
  void check(const ConfigChecks& checks) const;
  double weights() const;
  int64_t cached_values() const;
  int64_t window() const;
  StateSize state() const;
  double flops(double seen) const;
  AttentionConfig replaced() const;
  MlaConfig canonical() const;
};

}  // namespace zebra
