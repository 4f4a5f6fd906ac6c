#pragma once
// The kinds of mixers that AMD's formats have no keys for. A folder spells such a layer by our own key, as what
// MixerFacts::describe() tells of it (model/own_keys.h); here is the way back.
#include <string>
#include <vector>

#include "io/json_fwd.h"
#include "layers/mixer_config.h"

namespace zebra {

struct MixerReader {
  const char* kind;                                                      // MixerFacts::kind()
  MixerConfig (*read)(const Json& described, const std::string& where);  // Error(input) names the key
};

const std::vector<MixerReader>& mixer_readers();

}  // namespace zebra
