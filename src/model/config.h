#pragma once
// A Llama-shaped stack: what differs between families is in the fields, what differs between layers in `mixers`.
#include <string>
#include <vector>

#include "io/json.h"
#include "layers/config.h"

namespace zebra {

// How a folder spells the model; each has an adapter (model/adapters.h).
enum class Format { huggingface, zebra_llama, x_ecomla };

struct ModelConfig {
  Format format = Format::huggingface;
  std::string model_type;  // "llama", "mistral", "qwen2", "qwen3" ...
  int64_t vocab = 0, hidden = 0, intermediate = 0, max_position = 2048;
  std::string hidden_act = "silu";
  double norm_eps = 1e-6;
  bool tied = false, mlp_bias = false;
  int64_t bos = -1;  // -1 = none
  std::vector<int64_t> eos;
  std::string dtype = "float32";    // of the stored weights: "float32", "bfloat16", "float16"
  std::vector<MixerConfig> mixers;  // one per layer
  std::vector<int64_t> windows;     // of each layer's attention as config.json has it, 0 = none; empty = as in mixers

  // The attention that config.json describes: of every layer of a Hugging Face model, of the base of a hybrid. The KV
  // percentage is measured against it. Where it is not given (hidden = 0), base_attention() derives it.
  AttentionConfig attention;

  // Keys of config.json that are not null and that nobody here knows: what they mean is not computed.
  std::vector<std::string> unknown_keys;
  // The JSON files as read, so that unknown keys survive a rewrite.
  Json raw_config = Json::object();  // config.json
  Json raw_hybrid = Json::object();  // hybrid_config.json or MLA_config.json
  Json raw_mla = Json::object();     // mla_layer_config.json (X-EcoMLA)

  int64_t layers() const { return static_cast<int64_t>(mixers.size()); }
  int64_t document_end() const { return eos.empty() ? -1 : eos.front(); }  // between packed documents; -1 = none
};

// `attention`, or where that is not given the shape of the first mixer that tells one.
AttentionConfig base_attention(const ModelConfig& config);

// Every number positive, divisible where it must be and small enough to compute with; Error(input) begins with `where`.
void check_config(const ModelConfig& config, const std::string& where);

// Cache bytes that one more token costs (attention and MLA), and those that do not grow, for elements of `element`
// bytes: states of Mamba2 (the recurrent one is fp32 whatever the element) and layers with a sliding window, which need
// its tokens only. A window that the context never fills is none. `base_*` is the attention model of the same shape.
struct CacheCost {
  double per_token = 0, per_sequence = 0, base_per_token = 0, base_per_sequence = 0;
  // KV %: of the attention model's cache, as texts grow longer and longer.
  double percent() const;
};
CacheCost cache_cost(const ModelConfig& config, double element = 2);

// What a sequence of so many tokens holds, states included, and what that of the attention model does.
struct CacheUse {
  double bytes = 0, base_bytes = 0;
  double percent() const { return base_bytes > 0 ? 100 * bytes / base_bytes : 0; }
};
CacheUse cache_at(const ModelConfig& config, int64_t tokens, double element = 2);
// The lengths at which it is shown where none are asked for: 2048, 8192 and 131072 below the model's context, and that.
std::vector<int64_t> usual_lengths(const ModelConfig& config);

}  // namespace zebra
