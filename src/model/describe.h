#pragma once
// Mixers in words, for people.
#include <string>
#include <vector>

#include "model/config.h"

namespace zebra {

// "2048 tokens 24.31 %, 8192 tokens 8.12 %": the whole cache of a sequence, states included, beside that of the
// attention model.
std::string cache_use_text(const ModelConfig& config, const std::vector<int64_t>& lengths);

// What a model is tagged with beside its base: "mla" and "mamba2", of those that it has.
std::vector<std::string> mixer_tags(const std::vector<MixerConfig>& mixers);

}  // namespace zebra
