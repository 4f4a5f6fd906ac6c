#include "model/config.h"

#include <algorithm>

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
    range("sliding_window", c.sliding_window, 0, kMaxWindow);
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
    range("sliding_window", c.sliding_window, 0, kMaxWindow);
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

namespace {

// The window that bounds a layer's cache; 0 where none does within the model's context.
int64_t bound(int64_t window, const ModelConfig& config) {
  return window < config.max_position ? window : 0;
}

int64_t window_of(const MixerConfig& mixer) {
  if (const auto* attention = std::get_if<AttentionConfig>(&mixer)) return attention->sliding_window;
  const auto* mla = std::get_if<MlaConfig>(&mixer);
  return mla ? mla->sliding_window : 0;
}

// Of the attention that stood in a layer.
int64_t base_window(const ModelConfig& config, size_t layer) {
  if (config.windows.size() == config.mixers.size()) return config.windows[layer];
  const bool mamba2 = std::holds_alternative<Mamba2Config>(config.mixers[layer]);
  return mamba2 ? base_attention(config).sliding_window : window_of(config.mixers[layer]);
}

double state_bytes(const MixerConfig& mixer, double element) {
  constexpr double kStateElement = 4;
  const auto* mamba = std::get_if<Mamba2Config>(&mixer);
  if (!mamba) return 0;
  const int64_t channels = mamba->d_inner() + 2 * (mamba->repeat_kv_before_conv ? mamba->d_inner() : mamba->d_xb());
  return kStateElement * static_cast<double>(mamba->d_inner() * mamba->head_dim) +
         element * static_cast<double>(channels * (mamba->conv_width - 1));
}

}  // namespace

double CacheCost::percent() const {
  if (base_per_token > 0) return 100 * per_token / base_per_token;
  return base_per_sequence > 0 ? 100 * per_sequence / base_per_sequence : 0;
}

CacheCost cache_cost(const ModelConfig& config, double element) {
  CacheCost cost;
  const double base = element * static_cast<double>(cached_values(base_attention(config)));
  for (size_t layer = 0; layer < config.mixers.size(); ++layer) {
    const MixerConfig& mixer = config.mixers[layer];
    const double own = element * static_cast<double>(cached_values(mixer));
    const int64_t window = bound(window_of(mixer), config), of_base = bound(base_window(config, layer), config);
    (window > 0 ? cost.per_sequence : cost.per_token) += own * static_cast<double>(std::max<int64_t>(window, 1));
    (of_base > 0 ? cost.base_per_sequence : cost.base_per_token) +=
        base * static_cast<double>(std::max<int64_t>(of_base, 1));
    cost.per_sequence += state_bytes(mixer, element);
  }
  return cost;
}

CacheUse cache_at(const ModelConfig& config, int64_t tokens, double element) {
  CacheUse use;
  const double base = element * static_cast<double>(cached_values(base_attention(config)));
  const auto held = [&](int64_t window) { return static_cast<double>(window > 0 ? std::min(window, tokens) : tokens); };
  for (size_t layer = 0; layer < config.mixers.size(); ++layer) {
    const MixerConfig& mixer = config.mixers[layer];
    use.bytes +=
        element * static_cast<double>(cached_values(mixer)) * held(window_of(mixer)) + state_bytes(mixer, element);
    use.base_bytes += base * held(base_window(config, layer));
  }
  return use;
}

std::vector<int64_t> usual_lengths(const ModelConfig& config) {
  std::vector<int64_t> lengths;
  for (const int64_t length : {2048, 8192, 131072}) {
    if (length < config.max_position) lengths.push_back(length);
  }
  lengths.push_back(config.max_position);
  return lengths;
}

}  // namespace zebra
