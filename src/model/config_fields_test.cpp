// Every key of config.json that transformers knows for a family of ours (tests/golden/config_fields.json) is read,
// refused or known to have no influence, and is what the table says.
#include "model/config_fields.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/error.h"
#include "model/checkpoint.h"
#include "support/scratch.h"

namespace zebra {
namespace {

const std::vector<std::string> kFamilies = {"llama", "mistral", "qwen2", "qwen3"};

Json known_fields() {
  return read_json("tests/golden/config_fields.json");
}

// A small model that says much, so that a change of any key that is read is a change of the model.
Json small(const std::string& family) {
  Json config = {{"model_type", family},     {"vocab_size", 320},
                 {"hidden_size", 64},        {"intermediate_size", 160},
                 {"num_hidden_layers", 4},   {"num_attention_heads", 8},
                 {"num_key_value_heads", 4}, {"head_dim", 8},
                 {"hidden_act", "silu"},     {"max_position_embeddings", 2048},
                 {"rms_norm_eps", 1e-5},     {"bos_token_id", 1},
                 {"eos_token_id", 2}};
  if (family != "llama") config["sliding_window"] = 7;
  if (family.starts_with("qwen")) config["use_sliding_window"] = true, config["max_window_layers"] = 2;
  return config;
}

ModelConfig read(const Json& config) {
  const ScratchFolder folder;
  folder.put("config.json", config.dump());
  return read_config(folder.path);
}

// What is computed, in words that == compares.
std::string computed(const ModelConfig& model) {
  std::string layers;
  for (const auto& mixer : model.mixers) {
    const auto& c = mixer.get<AttentionConfig>();
    const auto& r = c.rope;
    layers += cat(c.heads, " ", c.kv_heads, " ", c.head_dim, " ", c.qkv_bias, c.out_bias, c.qk_norm, " ", c.norm_eps,
                  " ", c.sliding_window, " rope ", static_cast<int>(r.type), " ", r.theta, " ", r.factor, " ",
                  r.original_max_position, " ", r.max_position, ";");
  }
  std::string eos;
  for (const int64_t id : model.eos) eos += cat(id, ",");
  return cat(model.model_type, " ", model.vocab, " ", model.hidden, " ", model.intermediate, " ", model.max_position,
             " ", model.hidden_act, " ", model.norm_eps, " ", model.tied, model.mlp_bias, " ", model.bos, " ", eos, " ",
             model.dtype, " ", layers);
}

std::string error_of(const Json& config) {
  try {
    read(config);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::input);
    return error.what();
  }
  return "";
}

TEST(ConfigFields, WhatTransformersKnowsIsInTheTable) {
  const Json versions = known_fields();
  EXPECT_TRUE(versions.contains("4.57.6") && versions.contains("5.24.0"));
  for (const auto& [version, families] : versions.items()) {
    for (const auto& family : kFamilies) {
      std::set<std::string> names;
      for (const auto& [name, value] : families[family]["fields"].items()) names.insert(name);
      for (const auto& name : families[family]["read_by_code"]) names.insert(name.get<std::string>());
      EXPECT_GE(names.size(), 30u);
      for (const auto& name : names) {
        EXPECT_NE(find_config_field(family, name), nullptr)
            << name << ": transformers " << version << " knows it for " << family << ", config_fields.cpp does not";
      }
    }
  }
}

TEST(ConfigFields, AFileOfDefaultsIsRead) {
  const Json versions = known_fields();
  for (const auto& [version, families] : versions.items()) {
    for (const auto& family : kFamilies) {
      SCOPED_TRACE(version + " " + family);
      Json config = families[family]["fields"];
      config["num_hidden_layers"] = 2;  // as the list of layer types in the file
      const ModelConfig model = read(config);
      EXPECT_EQ(model.unknown_keys, std::vector<std::string>{});
      EXPECT_EQ(model.vocab, config["vocab_size"]);
      EXPECT_EQ(model.mixers[0].get<AttentionConfig>().rope.theta, 10000);
    }
  }
}

TEST(ConfigFields, NamesStandOnceForAFamily) {
  for (const auto& family : kFamilies) {
    std::map<std::string, int> times;
    for (const auto& field : config_fields()) times[field.name] += find_config_field(family, field.name) == &field;
    for (const auto& [name, count] : times) EXPECT_LE(count, 1) << name << " of " << family;
  }
}

TEST(ConfigFields, ReadOnesChangeTheModel) {
  // Another value of each; a model type is changed by every other family's row.
  const std::map<std::string, Json> others = {
      {"vocab_size", 321},
      {"hidden_size", 72},
      {"intermediate_size", 161},
      {"num_hidden_layers", 5},
      {"num_attention_heads", 4},
      {"num_key_value_heads", 2},
      {"head_dim", 10},
      {"hidden_act", "gelu"},
      {"max_position_embeddings", 1024},
      {"rms_norm_eps", 1e-6},
      {"tie_word_embeddings", true},
      {"attention_bias", true},
      {"mlp_bias", true},
      {"rope_theta", 5000.0},
      {"rope_scaling", {{"rope_type", "linear"}, {"factor", 2.0}}},
      {"rope_parameters", {{"rope_type", "default"}, {"rope_theta", 5000.0}}},
      {"original_max_position_embeddings", 512},
      {"sliding_window", 9},
      {"layer_types", {"sliding_attention", "full_attention", "sliding_attention", "full_attention"}},
      {"use_sliding_window", false},
      {"max_window_layers", 1},
      {"bos_token_id", 3},
      {"eos_token_id", {4, 5}},
      {"dtype", "bfloat16"},
      {"torch_dtype", "float16"}};
  for (const auto& family : kFamilies) {
    for (const auto& field : config_fields()) {
      if (field.use != FieldUse::read || find_config_field(family, field.name) != &field) continue;
      const std::string name = field.name;
      if (name == "model_type") continue;
      SCOPED_TRACE(family + " " + name);
      Json base = small(family);
      if (name == "original_max_position_embeddings") {  // of the kinds of scaling that have one
        base["rope_scaling"] = {{"rope_type", "yarn"}, {"factor", 2.0}};
      }
      ASSERT_TRUE(others.count(name));
      Json changed = base;
      changed[name] = others.at(name);
      const std::string refusal = error_of(changed);
      if (refusal.empty()) {
        EXPECT_NE(computed(read(changed)), computed(read(base)));
      } else {  // the list of layer types that a llama has no window for
        EXPECT_NE(refusal.find(name), std::string::npos) << refusal;
      }
    }
  }
}

TEST(ConfigFields, FixedOnesAreRefusedByName) {
  for (const auto& family : kFamilies) {
    for (const auto& field : config_fields()) {
      if (field.use != FieldUse::fixed || find_config_field(family, field.name) != &field) continue;
      const Json only = Json::parse(field.note);
      Json config = small(family);
      for (const Json& good : {only, Json(nullptr)}) {
        config[field.name] = good;
        EXPECT_EQ(error_of(config), "") << field.name;
      }
      for (const Json& bad :
           {only.is_boolean() ? Json(!only.get<bool>()) : Json(17), Json("other"), Json({{"0", 1}})}) {
        config[field.name] = bad;
        EXPECT_NE(error_of(config).find(cat("key \"", field.name, "\": expected")), std::string::npos)
            << error_of(config);
      }
    }
  }
}

TEST(ConfigFields, OthersHaveNoInfluence) {
  for (const auto& family : kFamilies) {
    Json config = small(family);
    const std::string plain = computed(read(config));
    for (const auto& field : config_fields()) {
      if (field.use != FieldUse::unused) continue;
      EXPECT_NE(std::string(field.note), "") << field.name;
      if (find_config_field(family, field.name) == &field) config[field.name] = 17;
    }
    EXPECT_EQ(computed(read(config)), plain);
    EXPECT_TRUE(read(config).unknown_keys.empty());
  }
}

TEST(ConfigFields, UnknownOnesAreNamed) {
  Json config = small("qwen3");
  config["logit_scale"] = 0.5;
  config["attn_logit_softcapping"] = nullptr;
  config["residual_multiplier"] = 0.5;
  EXPECT_EQ(read(config).unknown_keys, (std::vector<std::string>{"logit_scale", "residual_multiplier"}));
  testing::internal::CaptureStderr();
  const ScratchFolder folder;
  folder.put("config.json", config.dump());
  read_config(folder.path);
  read_config(folder.path);
  const std::string said = testing::internal::GetCapturedStderr();
  const size_t first = said.find("logit_scale, residual_multiplier: not known for model_type qwen3");
  EXPECT_NE(first, std::string::npos) << said;
  EXPECT_EQ(said.find("logit_scale", first + 1), std::string::npos) << "said twice";
}

}  // namespace
}  // namespace zebra
