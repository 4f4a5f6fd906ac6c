// RoPE settings in config.json where spellings differ in what they mean: absent, null, zero, old and new keys.
#include "model/rope_json.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "layers/rope.h"

namespace zebra {
namespace {

// In the spelling of transformers 4 or 5.
Json spelled(Json scaling, bool fifth, const Json& theta = 10000.0) {
  if (!fifth) return {{"rope_theta", theta}, {"rope_scaling", scaling}};
  scaling["rope_theta"] = theta;
  return {{"rope_parameters", scaling}};
}

RopeConfig read(const Json& config) {
  return read_rope({config, "config.json"}, 128);
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

Json yarn(const Json& more) {
  Json scaling = {{"rope_type", "yarn"}, {"factor", 4.0}, {"original_max_position_embeddings", 32}};
  scaling.update(more);
  return scaling;
}

TEST(RopeJson, YarnTakesThePairOfMscalesOnlyWhereBothAreGiven) {
  const double alone = 0.1 * std::log(4.0) + 1;
  const auto m = [](double scale) { return 0.1 * scale * std::log(4.0) + 1; };
  const std::vector<std::pair<Json, double>> cases = {
      {Json::object(), alone},
      {{{"mscale_all_dim", 1.0}}, alone},
      {{{"mscale", nullptr}, {"mscale_all_dim", 1.0}}, alone},
      {{{"mscale", 0}, {"mscale_all_dim", 1.0}}, alone},
      {{{"mscale", 0.7}}, alone},
      {{{"mscale", 0.7}, {"mscale_all_dim", nullptr}}, alone},
      {{{"mscale", 0.7}, {"mscale_all_dim", 0}}, alone},
      {{{"mscale", 1.0}, {"mscale_all_dim", 1.0}}, 1},
      {{{"mscale", 0.7}, {"mscale_all_dim", 1.2}}, m(0.7) / m(1.2)},
      {{{"mscale_all_dim", 1.0}, {"attention_factor", 1.5}}, 1.5},
      {{{"mscale", 0.7}, {"mscale_all_dim", 1.2}, {"attention_factor", nullptr}}, m(0.7) / m(1.2)}};
  for (const auto& [more, expected] : cases) {
    for (const bool fifth : {false, true}) {
      const RopeConfig rope = read(spelled(yarn(more), fifth));
      EXPECT_NEAR(rope_attention_factor(rope), expected, 1e-12) << more.dump();
      Json written = fifth ? Json{{"rope_parameters", Json::object()}} : Json::object();
      write_rope(written, rope);
      EXPECT_EQ(read(written), rope) << more.dump() << " became " << written.dump();
    }
  }
}

// DeepSeek's code, and so AMD's folders, take an absent mscale as 1 and a zero at its word.
TEST(RopeJson, YarnOfDeepseekHasDefaultsOfItsOwn) {
  const auto factor = [](const Json& more) {
    Json scaling = yarn(more);
    return rope_attention_factor(read_amd_rope({{{"rope_scaling", scaling}}, "hybrid_config.json"}, 128));
  };
  EXPECT_NEAR(factor({{"mscale_all_dim", 1.0}}), 1, 1e-12);
  EXPECT_NEAR(factor({{"mscale", 0.0}, {"mscale_all_dim", 1.0}}), 1 / (0.1 * std::log(4.0) + 1), 1e-12);
}

TEST(RopeJson, YarnTakesZeroTurnsAsNotGiven) {
  for (const Json& zero : {Json(0), Json(0.0), Json(nullptr)}) {
    const RopeConfig rope = read(spelled(yarn({{"beta_slow", zero}, {"beta_fast", zero}}), true));
    EXPECT_EQ(rope.beta_slow, 1);
    EXPECT_EQ(rope.beta_fast, 32);
  }
  EXPECT_NE(error_of(spelled(yarn({{"beta_slow", -1}}), true)).find("\"beta_slow\": expected a positive number"),
            std::string::npos);
}

TEST(RopeJson, WhatTransformersStopsAtIsRefused) {
  const auto refused = [](const Json& config, const std::string& key) {
    EXPECT_NE(error_of(config).find(key), std::string::npos) << config.dump() << ": " << error_of(config);
  };
  for (const bool fifth : {false, true}) {
    for (const char* type : {"linear", "dynamic", "llama3", "yarn"}) {
      Json scaling = {{"rope_type", type}, {"original_max_position_embeddings", 32}};
      refused(spelled(scaling, fifth), "\"factor\"");
      scaling["factor"] = nullptr;
      refused(spelled(scaling, fifth), "\"factor\"");
    }
    refused(spelled(yarn(Json::object()), fifth, nullptr), "\"rope_theta\"");
    refused(spelled({{"rope_type", "default"}}, fifth, nullptr), "\"rope_theta\"");
  }
  refused({{"rope_theta", nullptr}}, "\"rope_theta\"");
  refused({{"rope_theta", nullptr}, {"rope_scaling", nullptr}}, "\"rope_theta\"");
  // The base of the scaling's own values is the one that counts.
  EXPECT_EQ(
      read({{"rope_theta", nullptr}, {"rope_parameters", {{"rope_type", "default"}, {"rope_theta", 77.0}}}}).theta, 77);
  EXPECT_EQ(read(Json::object()).theta, 10000);
}

TEST(RopeJson, Llama3FactorsMayBeEqual) {
  const RopeConfig rope = read(spelled({{"rope_type", "llama3"},
                                        {"factor", 8.0},
                                        {"low_freq_factor", 2.0},
                                        {"high_freq_factor", 2.0},
                                        {"original_max_position_embeddings", 32}},
                                       true));
  check_rope(rope, 8, "config.json");
  for (const double f : rope_frequencies(rope, 8)) EXPECT_TRUE(std::isfinite(f));
}

TEST(RopeJson, BothSpellingsAreWritten) {
  const RopeConfig rope = read(spelled(yarn(Json::object()), true, 5e5));
  Json config = {{"rope_parameters", {{"rope_type", "default"}, {"rope_theta", 1.0}}}};
  write_rope(config, rope);
  EXPECT_EQ(config["rope_theta"], 5e5);
  EXPECT_EQ(config["rope_scaling"]["rope_type"], "yarn");
  EXPECT_EQ(config["rope_parameters"]["rope_theta"], 5e5);
  Json old = config, fresh = config;
  old.erase("rope_parameters"), fresh.erase("rope_theta"), fresh.erase("rope_scaling");
  EXPECT_EQ(read(old), rope);
  EXPECT_EQ(read(fresh), rope);
}

}  // namespace
}  // namespace zebra
