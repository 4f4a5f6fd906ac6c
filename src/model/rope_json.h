#pragma once
// RoPE settings as config files spell them.
#include "layers/rope_config.h"
#include "model/config_reader.h"

namespace zebra {

// The spelling of config.json: rope_theta + rope_scaling (transformers 4, also with the old key `type`) or
// rope_parameters (transformers 5).
RopeConfig read_rope(const ConfigReader& config, int64_t max_position);
// Into transformers 4's keys, which version 5 reads too; rope_parameters is kept in step where it is present.
void write_rope(Json& config, const RopeConfig& rope);

// The spelling of AMD's MLA layers: rope_theta and rope_scaling (null = none) with DeepSeek's YaRN and interleaved
// layout. X-EcoMLA's key for the kind is "type", Zebra-Llama's "rope_type"; both are read.
RopeConfig read_amd_rope(const ConfigReader& config, int64_t max_position);
// Leaves the file's own words where they say the same already.
void write_amd_rope(Json& file, const RopeConfig& rope, const char* type_key);

}  // namespace zebra
