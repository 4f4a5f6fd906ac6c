#include "model/hybrid_name.h"

#include <algorithm>
#include <initializer_list>

#include "model/config_reader.h"

namespace zebra {

namespace {

constexpr const char* kModelType = "zebra";
constexpr const char* kArchitecture = "ZebraForCausalLM";
constexpr int64_t kFormat = 2;  // 1 had no number, and its base family's names

// `names` first, and of `config` what is neither there nor among `without`.
Json renamed(Json names, const Json& config, std::initializer_list<const char*> without) {
  for (const auto& [key, value] : config.items()) {
    if (!names.contains(key) && std::find(without.begin(), without.end(), key) == without.end()) names[key] = value;
  }
  return names;
}

}  // namespace

Json with_hybrid_name(const Json& config) {
  Json names = {{"architectures", {kArchitecture}}, {"model_type", kModelType}, {"zebra_format", kFormat}};
  names["base_model_type"] = config.at("model_type");
  if (config.contains("architectures")) names["base_architectures"] = config["architectures"];
  // auto_map names the base's own Python classes, which would load the base model.
  return renamed(names, config, {"auto_map"});
}

Json with_base_name(const Json& config, const std::string& where, bool is_hybrid) {
  if (!config.is_object() || !config.contains("model_type") || config["model_type"] != kModelType) return config;
  const ConfigReader reader(config, where);
  if (!is_hybrid) {
    reader.fail("model_type", "expected hybrid_config.json, or MLA_config.json and mla_layer_config.json, beside ",
                "config.json as in every folder of a zebra hybrid, found none: copy the whole folder");
  }
  if (const int64_t format = reader.integer("zebra_format", 0, INT32_MAX); format > kFormat) {
    reader.fail("zebra_format", "expected at most ", kFormat, ", found ", format, ": a later zebra wrote this folder");
  }
  Json names = Json::object();
  if (config.contains("base_architectures")) names["architectures"] = config["base_architectures"];
  names["model_type"] = reader.text("base_model_type");
  Json base = renamed(names, config, {"zebra_format", "base_model_type", "base_architectures"});
  if (!config.contains("base_architectures")) base.erase("architectures");
  return base;
}

}  // namespace zebra
