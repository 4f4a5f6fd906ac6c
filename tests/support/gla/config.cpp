#include "support/gla/config.h"

#include "base/error.h"
#include "io/json.h"
#include "layers/config_checks.h"

namespace zebra {

std::string GlaConfig::shape() const {
  return cat(heads, " heads, ", kv_heads, " kv heads, state ", head_dim, " x ", head_dim);
}

void GlaConfig::describe(Json& out) const {
  out["hidden"] = hidden, out["heads"] = heads, out["kv_heads"] = kv_heads, out["head_dim"] = head_dim;
}

void GlaConfig::check(const ConfigChecks& checks) const {
  checks.range("heads", heads, 1);
  checks.range("kv_heads", kv_heads, 1);
  checks.multiple("heads", heads, "kv_heads", kv_heads);
  checks.range("head_dim", head_dim, 1);
}

double GlaConfig::weights() const {
  return static_cast<double>(hidden) * static_cast<double>(2 * (heads + kv_heads) * head_dim + heads);
}

AttentionConfig GlaConfig::replaced() const {
  AttentionConfig out;
  out.hidden = hidden, out.heads = heads, out.kv_heads = kv_heads, out.head_dim = head_dim;
  return out;
}

}  // namespace zebra
