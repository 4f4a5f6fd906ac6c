#include "model/describe.h"

#include <set>

#include "base/error.h"
#include "base/text.h"

namespace zebra {

const char* mixer_kind(const MixerConfig& mixer) {
  if (std::holds_alternative<AttentionConfig>(mixer)) return "attention";
  return std::holds_alternative<MlaConfig>(mixer) ? "mla" : "mamba2";
}

std::string cache_use_text(const ModelConfig& config, const std::vector<int64_t>& lengths) {
  std::vector<std::string> parts;
  for (const int64_t length : lengths) {
    parts.push_back(cat(length, " tokens ", fixed(cache_at(config, length).percent(), 2), " %"));
  }
  return join(parts, ", ");
}

std::string mixer_shape(const MixerConfig& mixer) {
  if (const auto* c = std::get_if<AttentionConfig>(&mixer)) {
    return cat(c->heads, " heads, ", c->kv_heads, " kv heads of ", c->head_dim,
               c->sliding_window > 0 ? cat(", window ", c->sliding_window) : "");
  }
  if (const auto* c = std::get_if<MlaConfig>(&mixer)) {
    return cat("kv rank ", c->kv_rank, ", q ", c->q_rank > 0 ? cat("rank ", c->q_rank) : "exact", ", rope ",
               c->rope_dim, ", nope ", c->nope_dim, ", v ", c->v_dim, ", ", c->heads, " heads, ", c->kv_heads,
               " kv heads", c->sliding_window > 0 ? cat(", window ", c->sliding_window) : "");
  }
  const auto& m = std::get<Mamba2Config>(mixer);
  return cat(m.heads, " heads, ", m.kv_heads, " kv heads, state ", m.head_dim, " x ", m.head_dim);
}

std::vector<std::string> mixer_tags(const std::vector<MixerConfig>& mixers) {
  std::set<std::string> kinds;
  for (const auto& mixer : mixers) kinds.insert(mixer_kind(mixer));
  kinds.erase("attention");
  return {kinds.rbegin(), kinds.rend()};
}

}  // namespace zebra
