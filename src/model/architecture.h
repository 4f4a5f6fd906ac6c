#pragma once
// What a model computes, apart from its weights.
#include "model/config.h"

namespace zebra {

// The config as write_config() would spell it anew, without unknown keys, and every layer's window: equal for models
// that compute the same of the same weights.
Json architecture_json(const ModelConfig& config);

}  // namespace zebra
