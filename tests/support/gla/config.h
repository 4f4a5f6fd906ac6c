#pragma once
// Gated linear attention, the smallest mixer that decays by its input: a kind of the tests' own, which the program does
// not have. Per head S_t = g_t S_{t-1} + k_t v_t' and o_t = S_t' q_t, with g_t = sigmoid of a row of g_proj.
#include <string>

#include "layers/attention_config.h"

namespace zebra {

struct GlaConfig {
  int64_t hidden = 0, heads = 0, kv_heads = 0, head_dim = 0;
  bool operator==(const GlaConfig&) const = default;

  static constexpr const char* kKind = "gla";
  static constexpr const char* kKey = "gla";
  static constexpr const char* kColour = "#7b2d8b";
  static constexpr Resemblance kResemblance = Resemblance::heads;
  std::string shape() const;
  void describe(Json& out) const;
  void check(const ConfigChecks& checks) const;
  double weights() const;
  int64_t cached_values() const { return 0; }
  int64_t window() const { return 0; }
  StateSize state() const { return {.fp32 = heads * head_dim * head_dim, .any = 0}; }
  double flops(double /*seen*/) const { return static_cast<double>(4 * heads * head_dim * head_dim); }
  AttentionConfig replaced() const;
  GlaConfig canonical() const { return *this; }
};

}  // namespace zebra
