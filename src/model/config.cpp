#include "model/config.h"

#include <algorithm>

#include "base/error.h"
#include "layers/config_checks.h"

namespace zebra {

namespace {

constexpr double kMaxParameters = double{1ull << 42};  // four trillion

}  // namespace

AttentionConfig base_attention(const ModelConfig& config) {
  if (config.attention.hidden > 0) return config.attention;
  AttentionConfig base;
  base.hidden = config.hidden;
  base.rope.max_position = config.max_position;
  const auto& mixers = config.mixers;
  const auto best = std::max_element(mixers.begin(), mixers.end(), [](const MixerConfig& a, const MixerConfig& b) {
    return a->resemblance() < b->resemblance();
  });
  if (best == mixers.end()) return base;
  const AttentionConfig told = (*best)->replaced();
  if ((*best)->resemblance() == Resemblance::whole) return told;
  base.heads = told.heads, base.kv_heads = told.kv_heads, base.head_dim = told.head_dim;
  base.rope.theta = told.rope.theta;
  return base;
}

void check_config(const ModelConfig& config, const std::string& where) {
  const ConfigChecks check(where);
  check.range("num_hidden_layers", config.layers(), 1, kMaxLayers);
  check.range("vocab_size", config.vocab, 1, int64_t{1} << 24);
  check.range("hidden_size", config.hidden, 1);
  check.range("intermediate_size", config.intermediate, 1, 8 * kMaxWidth);
  check.range("max_position_embeddings", config.max_position, 1, kMaxPosition);
  const auto d = [](int64_t value) { return static_cast<double>(value); };
  double weights = d(config.vocab) * d(config.hidden) * (config.tied ? 1 : 2);
  for (size_t layer = 0; layer < config.mixers.size(); ++layer) {
    const auto& mixer = config.mixers[layer];
    const ConfigChecks check_layer(cat(where, ": layer ", layer));
    check_layer.equal("hidden size", mixer->hidden(), "hidden_size", config.hidden);
    mixer->check(check_layer);
    weights += mixer->weights() + 3 * d(config.hidden) * d(config.intermediate);
  }
  if (weights > kMaxParameters) {
    fail_input(where, ": expected a model of at most ", kMaxParameters, " parameters, found ", weights);
  }
}

namespace {

// The window that bounds a layer's cache; 0 where none does within the model's context.
int64_t bound(int64_t window, const ModelConfig& config) {
  return window < config.max_position ? window : 0;
}

// Of the attention that stood in a layer. Where nothing is cached the layer itself cannot tell.
int64_t base_window(const ModelConfig& config, size_t layer) {
  if (config.windows.size() == config.mixers.size()) return config.windows[layer];
  const MixerConfig& mixer = config.mixers[layer];
  return mixer->cached_values() > 0 ? mixer->window() : base_attention(config).sliding_window;
}

double state_bytes(const MixerConfig& mixer, double element) {
  constexpr double kFp32 = 4;
  const StateSize state = mixer->state();
  return kFp32 * static_cast<double>(state.fp32) + element * static_cast<double>(state.any);
}

}  // namespace

double CacheCost::percent() const {
  if (base_per_token > 0) return 100 * per_token / base_per_token;
  return base_per_sequence > 0 ? 100 * per_sequence / base_per_sequence : 0;
}

CacheCost cache_cost(const ModelConfig& config, double element) {
  CacheCost cost;
  const double base = element * static_cast<double>(base_attention(config).cached_values());
  for (size_t layer = 0; layer < config.mixers.size(); ++layer) {
    const MixerConfig& mixer = config.mixers[layer];
    const double own = element * static_cast<double>(mixer->cached_values());
    const int64_t window = bound(mixer->window(), config), of_base = bound(base_window(config, layer), config);
    (window > 0 ? cost.per_sequence : cost.per_token) += own * static_cast<double>(std::max<int64_t>(window, 1));
    (of_base > 0 ? cost.base_per_sequence : cost.base_per_token) +=
        base * static_cast<double>(std::max<int64_t>(of_base, 1));
    cost.per_sequence += state_bytes(mixer, element);
  }
  return cost;
}

CacheUse cache_at(const ModelConfig& config, int64_t tokens, double element) {
  CacheUse use;
  const double base = element * static_cast<double>(base_attention(config).cached_values());
  const auto held = [&](int64_t window) { return static_cast<double>(window > 0 ? std::min(window, tokens) : tokens); };
  for (size_t layer = 0; layer < config.mixers.size(); ++layer) {
    const MixerConfig& mixer = config.mixers[layer];
    use.bytes +=
        element * static_cast<double>(mixer->cached_values()) * held(mixer->window()) + state_bytes(mixer, element);
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
