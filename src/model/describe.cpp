#include "model/describe.h"

#include <set>

#include "base/error.h"
#include "base/text.h"

namespace zebra {

std::string cache_use_text(const ModelConfig& config, const std::vector<int64_t>& lengths) {
  std::vector<std::string> parts;
  for (const int64_t length : lengths) {
    parts.push_back(cat(length, " tokens ", fixed(cache_at(config, length).percent(), 2), " %"));
  }
  return join(parts, ", ");
}

std::vector<std::string> mixer_tags(const std::vector<MixerConfig>& mixers) {
  std::set<std::string> kinds;
  for (const auto& mixer : mixers) kinds.insert(mixer->kind());
  kinds.erase(AttentionConfig::kKind);
  return {kinds.rbegin(), kinds.rend()};
}

}  // namespace zebra
