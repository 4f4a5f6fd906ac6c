#include "model/rope_json.h"

#include <array>
#include <utility>

namespace zebra {

namespace {

using Type = RopeConfig::Type;

constexpr double kDefaultTheta = 10000;
constexpr int64_t kDeepseekOriginal = 4096;  // default of DeepSeek's YaRN class

constexpr std::array<std::pair<const char*, Type>, 5> kTypes{{{"default", Type::standard},
                                                              {"linear", Type::linear},
                                                              {"dynamic", Type::dynamic},
                                                              {"llama3", Type::llama3},
                                                              {"yarn", Type::yarn}}};

const char* type_name(Type type) {
  for (const auto& [name, value] : kTypes) {
    if (value == type) return name;
  }
  return "default";
}

Type read_type(const ConfigReader& scaling) {
  const char* key = scaling.has("rope_type") ? "rope_type" : "type";
  const std::string name = scaling.text(key, "default");
  for (const auto& [known, type] : kTypes) {
    if (name == known) return type;
  }
  scaling.fail(key, "expected one of default, linear, dynamic, llama3, yarn, found ", scaling.found(key));
}

void read_llama3(RopeConfig& rope, const ConfigReader& scaling) {
  rope.low_freq_factor = scaling.positive("low_freq_factor", 1);
  rope.high_freq_factor = scaling.positive("high_freq_factor", 4);
}

// transformers takes 0 as not given, DeepSeek's code at its word.
void read_yarn(RopeConfig& rope, const ConfigReader& scaling) {
  const bool zero_is_absent = rope.yarn == RopeConfig::Yarn::transformers;
  const auto turns = [&](const char* key, double otherwise) {
    return zero_is_absent && scaling.number(key, otherwise) == 0 ? otherwise : scaling.positive(key, otherwise);
  };
  rope.beta_fast = turns("beta_fast", 32);
  rope.beta_slow = turns("beta_slow", 1);
  rope.truncate = scaling.flag("truncate", true);
  rope.mscale = scaling.number("mscale", zero_is_absent ? 0 : 1);
  rope.mscale_all_dim = scaling.number("mscale_all_dim", 0);
  if (scaling.has("attention_factor")) rope.attention_factor = scaling.positive("attention_factor");
}

// transformers stops at a base that is null.
double read_theta(const ConfigReader& config, double otherwise) {
  if (config.object().contains("rope_theta") && !config.has("rope_theta")) {
    config.fail("rope_theta", "expected a positive number (or no such key, which means ", otherwise, "), found null");
  }
  return config.positive("rope_theta", otherwise);
}

// The keys of one kind of scaling, without its name.
Json scaling_values(const RopeConfig& rope) {
  Json out = Json::object();
  if (rope.type == Type::standard) return out;
  out["factor"] = rope.factor;
  if (rope.type == Type::llama3 || rope.type == Type::yarn) {
    out["original_max_position_embeddings"] =
        rope.original_max_position > 0 ? rope.original_max_position : rope.max_position;
  }
  if (rope.type == Type::llama3) {
    out["low_freq_factor"] = rope.low_freq_factor;
    out["high_freq_factor"] = rope.high_freq_factor;
  }
  if (rope.type == Type::yarn) {
    out["beta_fast"] = rope.beta_fast;
    out["beta_slow"] = rope.beta_slow;
    out["mscale"] = rope.mscale;
    if (!rope.truncate) out["truncate"] = false;
    if (rope.attention_factor) out["attention_factor"] = *rope.attention_factor;
  }
  if (rope.type == Type::yarn || rope.mscale_all_dim != 0) out["mscale_all_dim"] = rope.mscale_all_dim;
  return out;
}

}  // namespace

RopeConfig read_rope(const ConfigReader& config, int64_t max_position) {
  RopeConfig rope;
  rope.max_position = max_position;
  const auto refuse_partial = [](const ConfigReader& reader) {
    if (reader.number("partial_rotary_factor", 1) != 1) {
      reader.fail("partial_rotary_factor", "expected 1 (all dimensions rotate), found ",
                  reader.found("partial_rotary_factor"));
    }
  };
  refuse_partial(config);

  const bool old_spelling = config.has("rope_scaling") && !config.object()["rope_scaling"].empty();
  const char* key = old_spelling ? "rope_scaling" : "rope_parameters";
  if (!config.has(key) || (config.object()[key].is_object() && config.object()[key].empty())) {
    rope.theta = read_theta(config, kDefaultTheta);
    return rope;
  }
  const ConfigReader scaling = config.child(key);
  for (const char* layer_type : {"full_attention", "sliding_attention"}) {
    if (scaling.has(layer_type))
      config.fail(key, "expected one set of values for all layers, found one per layer type");
  }
  refuse_partial(scaling);
  // A base among the scaling's own values goes before the one beside it.
  rope.theta = read_theta(scaling, scaling.has("rope_theta") ? kDefaultTheta : read_theta(config, kDefaultTheta));
  rope.type = read_type(scaling);
  if (rope.type == Type::standard) return rope;
  rope.original_max_position = scaling.integer("original_max_position_embeddings", 0, 1, kMaxPosition);
  if (config.has("original_max_position_embeddings")) {
    rope.original_max_position = config.integer("original_max_position_embeddings", 1, kMaxPosition);
  }
  rope.factor = scaling.positive("factor");
  if (rope.type == Type::llama3) read_llama3(rope, scaling);
  if (rope.type == Type::yarn) read_yarn(rope, scaling);
  return rope;
}

void write_rope(Json& config, const RopeConfig& rope) {
  Json values = scaling_values(rope);
  for (const char* key : {"mscale", "mscale_all_dim"}) {
    if (values.contains(key) && values[key] == 0) values.erase(key);  // not given
  }
  config["rope_theta"] = rope.theta;
  config["rope_scaling"] = nullptr;
  if (!values.empty()) {
    values["rope_type"] = type_name(rope.type);
    config["rope_scaling"] = values;
  }
  if (config.contains("rope_parameters")) {
    values["rope_type"] = type_name(rope.type);
    values["rope_theta"] = rope.theta;
    config["rope_parameters"] = values;
  }
}

RopeConfig read_amd_rope(const ConfigReader& config, int64_t max_position) {
  RopeConfig rope;
  rope.layout = RopeConfig::Layout::interleaved;
  rope.yarn = RopeConfig::Yarn::deepseek;
  rope.max_position = max_position;
  rope.theta = config.positive("rope_theta", kDefaultTheta);
  if (!config.has("rope_scaling")) return rope;
  const ConfigReader scaling = config.child("rope_scaling");
  rope.type = read_type(scaling);
  if (rope.type == Type::standard) return rope;
  rope.factor = scaling.positive("factor");
  const int64_t otherwise = rope.type == Type::yarn ? kDeepseekOriginal : 0;
  rope.original_max_position = scaling.integer("original_max_position_embeddings", otherwise, 1, kMaxPosition);
  rope.mscale_all_dim = scaling.number("mscale_all_dim", 0);
  if (rope.type == Type::llama3) read_llama3(rope, scaling);
  if (rope.type == Type::yarn) read_yarn(rope, scaling);
  return rope;
}

void write_amd_rope(Json& file, const RopeConfig& rope, const char* type_key) {
  RopeConfig plain = rope;  // layout and explicit frequencies have keys of their own
  plain.layout = RopeConfig::Layout::interleaved;
  plain.inv_freq.clear();
  const bool said = file.contains("rope_theta") && file.contains("rope_scaling");
  file["max_position_embeddings"] = rope.max_position;
  if (said && canonical(read_amd_rope({file, type_key}, rope.max_position)) == canonical(plain)) return;
  file["rope_theta"] = rope.theta;
  Json values = scaling_values(rope);
  if (!values.empty()) values[type_key] = type_name(rope.type);
  file["rope_scaling"] = values.empty() ? Json(nullptr) : values;
}

}  // namespace zebra
