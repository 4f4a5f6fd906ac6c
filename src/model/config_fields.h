#pragma once
// What zebra does with each key that a config.json of a Llama-like family may hold. tests/golden/config_fields.json
// lists those that transformers knows; a test holds this table to it.
#include <string>
#include <vector>

#include "model/config_reader.h"

namespace zebra {

enum class FieldUse {
  read,    // by read_huggingface()
  fixed,   // one value is supported, every other is refused: it would change what is computed
  unused,  // has no influence on what a trained model computes
};

struct ConfigField {
  const char* name;
  FieldUse use;
  const char* families;  // "" = all, else the model types that know it, divided by spaces
  const char* note;      // fixed: the supported value as JSON; unused: why it has no influence
};

const std::vector<ConfigField>& config_fields();
// Null where this family knows no such key.
const ConfigField* find_config_field(const std::string& model_type, const std::string& name);

// Refuses a fixed field with another value than its own or null. The keys that nobody here knows and that are not null
// come back, sorted: what they mean is not computed.
std::vector<std::string> check_config_fields(const ConfigReader& config, const std::string& model_type);

}  // namespace zebra
