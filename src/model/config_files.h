#pragma once
// The config files of a folder, whatever its format. No torch is needed to read them.
#include "base/file.h"
#include "model/config.h"

namespace zebra {

// Reads config.json (transformers 4 and 5 spellings) and, where present, hybrid_config.json (Zebra-Llama) or
// MLA_config.json + mla_layer_config.json (X-EcoMLA).
ModelConfig read_config(const fs::path& folder);
// The JSON files of `config` in its own format, unknown keys of raw_* kept.
void write_config(const fs::path& folder, const ModelConfig& config);

}  // namespace zebra
