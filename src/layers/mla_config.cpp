#include "layers/mla_config.h"

#include <algorithm>

#include "io/json.h"
#include "layers/config_checks.h"

namespace zebra {

std::string MlaConfig::shape() const {
  return cat("kv rank ", kv_rank, ", q ", q_rank > 0 ? cat("rank ", q_rank) : "exact", ", rope ", rope_dim, ", nope ",
             nope_dim, ", v ", v_dim, ", ", heads, " heads, ", kv_heads, " kv heads",
             sliding_window > 0 ? cat(", window ", sliding_window) : "");
}

void MlaConfig::describe(Json& out) const {
  out["heads"] = heads, out["kv_heads"] = kv_heads, out["kv_rank"] = kv_rank;
  out["q_rank"] = q_rank > 0 ? Json(q_rank) : Json("exact");
  out["rope_dim"] = rope_dim, out["nope_dim"] = nope_dim, out["v_dim"] = v_dim;
  if (sliding_window > 0) out["sliding_window"] = sliding_window;
}

void MlaConfig::check(const ConfigChecks& checks) const {
  checks.range("num_attention_heads", heads, 1);
  checks.range("num_key_value_heads", kv_heads, 1);
  checks.multiple("num_attention_heads", heads, "num_key_value_heads", kv_heads);
  checks.range("q_lora_rank", q_rank, 0);
  checks.range("kv_lora_rank", kv_rank, 1);
  checks.range("qk_nope_head_dim", nope_dim, 0);
  checks.range("qk_rope_head_dim", rope_dim, 2);
  checks.multiple("qk_rope_head_dim", rope_dim, "rope pairs", 2);
  checks.range("v_head_dim", v_dim, 1);
  checks.range("num_attention_heads * (qk_nope_head_dim + qk_rope_head_dim)", heads * (nope_dim + rope_dim), 1);
  checks.range("num_attention_heads * v_head_dim", heads * v_dim, 1);
  checks.range("sliding_window", sliding_window, 0, kMaxWindow);
  check_rope(rope, rope_dim, checks.where());
}

double MlaConfig::weights() const {
  const auto d = [](int64_t value) { return static_cast<double>(value); };
  const double q_rows = d(heads * (nope_dim + rope_dim));
  const double q = q_rank > 0 ? d(q_rank) * (d(hidden) + q_rows) : d(hidden) * q_rows;
  return q + d(hidden) * d(kv_rank + rope_dim + heads * v_dim) + d(kv_rank) * d(kv_heads * (nope_dim + v_dim));
}

int64_t MlaConfig::cached_values() const {
  return kv_rank + rope_dim;
}

int64_t MlaConfig::window() const {
  return sliding_window;
}

StateSize MlaConfig::state() const {
  return {};
}

double MlaConfig::flops(double seen) const {
  const double within = sliding_window > 0 ? std::min(seen, static_cast<double>(sliding_window)) : seen;
  return 2.0 * static_cast<double>(heads * (nope_dim + rope_dim + v_dim)) * within;
}

AttentionConfig MlaConfig::replaced() const {
  AttentionConfig out;
  out.hidden = hidden, out.heads = heads, out.kv_heads = kv_heads, out.head_dim = v_dim;
  out.rope.theta = rope.theta;
  return out;
}

MlaConfig MlaConfig::canonical() const {
  MlaConfig out = *this;
  out.rope = zebra::canonical(rope);
  return out;
}

}  // namespace zebra
