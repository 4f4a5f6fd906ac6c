#pragma once
// The published shapes of well-known teachers (models/shapes.json), for plans that are made before anything is
// downloaded.
#include <optional>
#include <string>

#include "model/config.h"

namespace zebra {

// By the name on the hub ("meta-llama/Llama-3.2-1B-Instruct") or its short form ("llama3.2-1b"): upper case, the owner,
// and endings such as -Instruct, which change no shape, do not matter. Nothing where the name is not known.
std::optional<ModelConfig> known_shape(const std::string& name);

}  // namespace zebra
