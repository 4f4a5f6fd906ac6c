#pragma once
// How queries and keys turn with their position. The names are those of the checkpoints (docs/formats.md).
#include <cstdint>
#include <optional>
#include <string>
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

// The same rotation with every field that does not matter at its default, so that == compares what is computed.
RopeConfig canonical(RopeConfig rope);

// Frequencies of `dim` rotated dimensions exist and are finite.
void check_rope(const RopeConfig& rope, int64_t dim, const std::string& where);

}  // namespace zebra
