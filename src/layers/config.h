#pragma once
// What a layer needs to know about its shape. The names are those of the checkpoints (docs/formats.md).
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace zebra {

struct RopeConfig {
  enum class Type { standard, linear, dynamic, llama3, yarn };
  // `half` rotates (i, i + d/2), the Hugging Face layout of Llama; `interleaved` rotates (2i, 2i + 1), DeepSeek's.
  enum class Layout { half, interleaved };
  // YaRN differs between transformers (attention factor) and DeepSeek's code (mscale / mscale_all_dim), see
  // docs/numerics.md.
  enum class Yarn { transformers, deepseek };

  Type type = Type::standard;
  Layout layout = Layout::half;
  Yarn yarn = Yarn::transformers;
  double theta = 10000;
  double factor = 1;
  double low_freq_factor = 1, high_freq_factor = 4;  // llama3
  double beta_fast = 32, beta_slow = 1;              // yarn
  bool truncate = true;                              // yarn: round the correction range to whole dimensions
  double mscale = 1, mscale_all_dim = 0;             // yarn; to transformers 0 is the same as not given
  std::optional<double> attention_factor;            // yarn, transformers
  int64_t original_max_position = 0;                 // 0 = the model's max_position
  int64_t max_position = 2048;
  // Explicit rotation frequencies (rope_dim / 2 radians per token, scaling already applied); empty = from the fields
  // above. Our own key: it expresses what no table of AMD's format can.
  std::vector<double> inv_freq;
  // dynamic with inv_freq: these are some of the frequencies of so many dimensions (the teacher's head), and past
  // max_position grow as they do. 0 = they stand as given.
  int64_t ntk_dim = 0;
  bool operator==(const RopeConfig&) const = default;
};

struct AttentionConfig {
  int64_t hidden = 0, heads = 0, kv_heads = 0, head_dim = 0;
  bool qkv_bias = false, out_bias = false;
  bool qk_norm = false;        // Qwen3: RMSNorm of every q and k head
  double norm_eps = 1e-6;      // of qk_norm
  int64_t sliding_window = 0;  // 0 = none; else a token sees itself and the window-1 before it
  RopeConfig rope;
  bool operator==(const AttentionConfig&) const = default;
};

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
};

struct Mamba2Config {
  int64_t hidden = 0;
  int64_t heads = 0;     // = groups of C; head_dim = d_state
  int64_t kv_heads = 0;  // heads of x and B before they are repeated
  int64_t head_dim = 0;
  bool repeat_kv_before_conv = false;
  double norm_eps = 1e-5;  // gated group norm
  int64_t conv_width = 4;
  int64_t d_inner() const { return heads * head_dim; }
  int64_t d_xb() const { return kv_heads * head_dim; }
  bool operator==(const Mamba2Config&) const = default;
};

using MixerConfig = std::variant<AttentionConfig, MlaConfig, Mamba2Config>;

// The folder name of a mixer's parameters inside a layer: "self_attn", "mla" or "mamba".
const char* mixer_key(const MixerConfig& config);

}  // namespace zebra
