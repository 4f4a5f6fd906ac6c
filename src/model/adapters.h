#pragma once
// How each kind of folder spells a model. A new checkpoint format is one file with these two functions and one line in
// config_files.cpp.
#include "base/file.h"
#include "model/config.h"
#include "model/config_reader.h"

namespace zebra {

struct ConfigFiles {
  Json config, hybrid, mla;  // config.json; hybrid_config.json or MLA_config.json; mla_layer_config.json
};

// config.json of every format: a Llama-like family with attention in all layers.
ModelConfig read_huggingface(const ConfigReader& config);
void write_huggingface(Json& config, const ModelConfig& model);

// Zebra-Llama: hybrid_config.json on top of config.json.
void read_zebra_llama(ModelConfig& model, const ConfigReader& hybrid);
void write_zebra_llama(Json& hybrid, const ModelConfig& model);

// X-EcoMLA: MLA_config.json and mla_layer_config.json on top of config.json.
void read_x_ecomla(ModelConfig& model, const ConfigReader& hybrid, const ConfigReader& mla);
void write_x_ecomla(Json& hybrid, Json& mla, const ModelConfig& model);

// As write_config() (model/checkpoint.h), but config.json bears the base family's name also beside the file of a
// hybrid: AMD's programs look for that.
void write_amd_config(const fs::path& folder, const ModelConfig& model);

}  // namespace zebra
