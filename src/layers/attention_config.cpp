#include "layers/attention_config.h"

#include <algorithm>

#include "io/json.h"
#include "layers/config_checks.h"

namespace zebra {

std::string AttentionConfig::shape() const {
  return cat(heads, " heads, ", kv_heads, " kv heads of ", head_dim,
             sliding_window > 0 ? cat(", window ", sliding_window) : "");
}

void AttentionConfig::describe(Json& out) const {
  out["heads"] = heads, out["kv_heads"] = kv_heads, out["head_dim"] = head_dim;
  if (sliding_window > 0) out["sliding_window"] = sliding_window;
}

void AttentionConfig::check(const ConfigChecks& checks) const {
  checks.range("num_attention_heads", heads, 1);
  checks.range("num_key_value_heads", kv_heads, 1);
  checks.multiple("num_attention_heads", heads, "num_key_value_heads", kv_heads);
  checks.range("head_dim", head_dim, 2);
  checks.multiple("head_dim", head_dim, "rope pairs", 2);
  checks.range("num_attention_heads * head_dim", heads * head_dim, 1);
  checks.range("sliding_window", sliding_window, 0, kMaxWindow);
  check_rope(rope, head_dim, checks.where());
}

double AttentionConfig::weights() const {
  return static_cast<double>(hidden) * static_cast<double>(2 * (heads + kv_heads) * head_dim);
}

int64_t AttentionConfig::cached_values() const {
  return 2 * kv_heads * head_dim;
}

int64_t AttentionConfig::window() const {
  return sliding_window;
}

StateSize AttentionConfig::state() const {
  return {};
}

double AttentionConfig::flops(double seen) const {
  const double within = sliding_window > 0 ? std::min(seen, static_cast<double>(sliding_window)) : seen;
  return 4.0 * static_cast<double>(heads * head_dim) * within;
}

AttentionConfig AttentionConfig::replaced() const {
  return *this;
}

AttentionConfig AttentionConfig::canonical() const {
  AttentionConfig out = *this;
  out.rope = zebra::canonical(rope);
  if (!qk_norm) out.norm_eps = 0;
  return out;
}

}  // namespace zebra
