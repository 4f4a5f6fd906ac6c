#include "layers/mamba2_config.h"

#include "io/json.h"
#include "layers/config_checks.h"

namespace zebra {

int64_t Mamba2Config::channels() const {
  return d_inner() + 2 * (repeat_kv_before_conv ? d_inner() : d_xb());
}

std::string Mamba2Config::shape() const {
  return cat(heads, " heads, ", kv_heads, " kv heads, state ", head_dim, " x ", head_dim);
}

void Mamba2Config::describe(Json& out) const {
  out["heads"] = heads, out["kv_heads"] = kv_heads, out["head_dim"] = head_dim;
}

void Mamba2Config::check(const ConfigChecks& checks) const {
  checks.range("ssm_cfg.ngroups", heads, 1);
  checks.range("d_xb / ssm_cfg.d_state", kv_heads, 1);
  checks.multiple("ssm_cfg.ngroups", heads, "d_xb / ssm_cfg.d_state", kv_heads);
  checks.range("ssm_cfg.d_state", head_dim, 1);
  checks.range("ssm_cfg.d_conv", conv_width, 2, 16);
  checks.range("d_inner", d_inner(), 1);
}

double Mamba2Config::weights() const {
  return static_cast<double>(hidden) * static_cast<double>(3 * d_inner() + 2 * d_xb() + heads);
}

int64_t Mamba2Config::cached_values() const {
  return 0;
}

int64_t Mamba2Config::window() const {
  return 0;
}

StateSize Mamba2Config::state() const {
  return {.fp32 = d_inner() * head_dim, .any = channels() * (conv_width - 1)};
}

double Mamba2Config::flops(double /*seen*/) const {
  return static_cast<double>(6 * d_inner() * head_dim + 2 * conv_width * channels());
}

AttentionConfig Mamba2Config::replaced() const {
  AttentionConfig out;
  out.hidden = hidden, out.heads = heads, out.kv_heads = kv_heads, out.head_dim = head_dim;
  return out;
}

Mamba2Config Mamba2Config::canonical() const {
  return *this;
}

}  // namespace zebra
