#include "model/config.h"

#include "base/error.h"
#include "model/config_reader.h"
#include "model/rope_json.h"

namespace zebra {

namespace {

constexpr double kMaxParameters = double{1ull << 42};  // four trillion

// One mixer's numbers, named by the keys that config files use.
class Checker {
 public:
  explicit Checker(std::string where) : where_(std::move(where)) {}

  void range(const char* key, int64_t value, int64_t low, int64_t high = kMaxWidth) const {
    if (value < low || value > high) {
      fail_input(where_, ": ", key, ": expected an integer from ", low, " to ", high, ", found ", value);
    }
  }
  void multiple(const char* key, int64_t value, const char* of, int64_t divisor) const {
    if (value % divisor != 0) {
      fail_input(where_, ": ", key, ": expected a multiple of ", of, " = ", divisor, ", found ", value);
    }
  }
  void equal(const char* key, int64_t value, const char* other, int64_t expected) const {
    if (value != expected) {
      fail_input(where_, ": ", key, ": expected ", expected, " as in ", other, ", found ", value);
    }
  }

  void operator()(const AttentionConfig& c) const {
    range("num_attention_heads", c.heads, 1);
    range("num_key_value_heads", c.kv_heads, 1);
    multiple("num_attention_heads", c.heads, "num_key_value_heads", c.kv_heads);
    range("head_dim", c.head_dim, 2);
    multiple("head_dim", c.head_dim, "rope pairs", 2);
    range("num_attention_heads * head_dim", c.heads * c.head_dim, 1);
    range("sliding_window", c.sliding_window, 0, int64_t{1} << 40);
    check_rope(c.rope, c.head_dim, where_);
  }
  void operator()(const MlaConfig& c) const {
    range("num_attention_heads", c.heads, 1);
    range("num_key_value_heads", c.kv_heads, 1);
    multiple("num_attention_heads", c.heads, "num_key_value_heads", c.kv_heads);
    range("q_lora_rank", c.q_rank, 0);
    range("kv_lora_rank", c.kv_rank, 1);
    range("qk_nope_head_dim", c.nope_dim, 0);
    range("qk_rope_head_dim", c.rope_dim, 2);
    multiple("qk_rope_head_dim", c.rope_dim, "rope pairs", 2);
    range("v_head_dim", c.v_dim, 1);
    range("num_attention_heads * (qk_nope_head_dim + qk_rope_head_dim)", c.heads * (c.nope_dim + c.rope_dim), 1);
    range("num_attention_heads * v_head_dim", c.heads * c.v_dim, 1);
    check_rope(c.rope, c.rope_dim, where_);
  }
  void operator()(const Mamba2Config& c) const {
    range("ssm_cfg.ngroups", c.heads, 1);
    range("d_xb / ssm_cfg.d_state", c.kv_heads, 1);
    multiple("ssm_cfg.ngroups", c.heads, "d_xb / ssm_cfg.d_state", c.kv_heads);
    range("ssm_cfg.d_state", c.head_dim, 1);
    range("ssm_cfg.d_conv", c.conv_width, 2, 16);
    range("d_inner", c.d_inner(), 1);
  }

 private:
  std::string where_;
};

int64_t hidden_of(const MixerConfig& mixer) {
  return std::visit([](const auto& c) { return c.hidden; }, mixer);
}

// Weights of a mixer to within its small vectors.
double weights_of(const MixerConfig& mixer) {
  const auto d = [](int64_t value) { return static_cast<double>(value); };
  if (const auto* c = std::get_if<AttentionConfig>(&mixer))
    return d(c->hidden) * d(2 * (c->heads + c->kv_heads) * c->head_dim);
  if (const auto* c = std::get_if<MlaConfig>(&mixer)) {
    const double q_rows = d(c->heads * (c->nope_dim + c->rope_dim));
    const double q = c->q_rank > 0 ? d(c->q_rank) * (d(c->hidden) + q_rows) : d(c->hidden) * q_rows;
    return q + d(c->hidden) * d(c->kv_rank + c->rope_dim + c->heads * c->v_dim) +
           d(c->kv_rank) * d(c->kv_heads * (c->nope_dim + c->v_dim));
  }
  const auto& c = std::get<Mamba2Config>(mixer);
  return d(c.hidden) * d(3 * c.d_inner() + 2 * c.d_xb() + c.heads);
}

}  // namespace

AttentionConfig base_attention(const ModelConfig& config) {
  if (config.attention.hidden > 0) return config.attention;
  for (const auto& mixer : config.mixers) {
    if (const auto* c = std::get_if<AttentionConfig>(&mixer)) return *c;
  }
  AttentionConfig base;
  base.hidden = config.hidden;
  base.rope.max_position = config.max_position;
  for (const auto& mixer : config.mixers) {
    if (const auto* c = std::get_if<Mamba2Config>(&mixer)) {
      base.heads = c->heads, base.kv_heads = c->kv_heads, base.head_dim = c->head_dim;
      return base;
    }
  }
  if (!config.mixers.empty()) {
    const auto& c = std::get<MlaConfig>(config.mixers.front());
    base.heads = c.heads, base.kv_heads = c.kv_heads, base.head_dim = c.v_dim;
    base.rope.theta = c.rope.theta;
  }
  return base;
}

void check_config(const ModelConfig& config, const std::string& where) {
  const Checker check(where);
  check.range("num_hidden_layers", config.layers(), 1, kMaxLayers);
  check.range("vocab_size", config.vocab, 1, int64_t{1} << 24);
  check.range("hidden_size", config.hidden, 1);
  check.range("intermediate_size", config.intermediate, 1, 8 * kMaxWidth);
  check.range("max_position_embeddings", config.max_position, 1, kMaxPosition);
  const auto d = [](int64_t value) { return static_cast<double>(value); };
  double weights = d(config.vocab) * d(config.hidden) * (config.tied ? 1 : 2);
  for (size_t layer = 0; layer < config.mixers.size(); ++layer) {
    const auto& mixer = config.mixers[layer];
    const Checker check_layer(cat(where, ": layer ", layer));
    check_layer.equal("hidden size", hidden_of(mixer), "hidden_size", config.hidden);
    std::visit(check_layer, mixer);
    weights += weights_of(mixer) + 3 * d(config.hidden) * d(config.intermediate);
  }
  if (weights > kMaxParameters) {
    fail_input(where, ": expected a model of at most ", kMaxParameters, " parameters, found ", weights);
  }
}

int64_t cached_values(const MixerConfig& mixer) {
  if (const auto* attention = std::get_if<AttentionConfig>(&mixer)) {
    return 2 * attention->kv_heads * attention->head_dim;
  }
  if (const auto* mla = std::get_if<MlaConfig>(&mixer)) return mla->kv_rank + mla->rope_dim;
  return 0;
}

CacheCost cache_cost(const ModelConfig& config, double element) {
  constexpr double kStateElement = 4;
  CacheCost cost;
  for (const auto& mixer : config.mixers) {
    cost.per_token += element * static_cast<double>(cached_values(mixer));
    const auto* mamba = std::get_if<Mamba2Config>(&mixer);
    if (!mamba) continue;
    const int64_t channels = mamba->d_inner() + 2 * (mamba->repeat_kv_before_conv ? mamba->d_inner() : mamba->d_xb());
    cost.per_sequence += kStateElement * static_cast<double>(mamba->d_inner() * mamba->head_dim) +
                         element * static_cast<double>(channels * (mamba->conv_width - 1));
  }
  cost.base_per_token = element * static_cast<double>(cached_values(base_attention(config)) * config.layers());
  return cost;
}

}  // namespace zebra
