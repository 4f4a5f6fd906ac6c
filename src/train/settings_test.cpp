#include "train/settings.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/fields.h"

namespace zebra {
namespace {

ModelConfig model_of(int64_t hidden, int64_t layers, int64_t context) {
  ModelConfig config;
  config.hidden = hidden, config.max_position = context;
  config.mixers.assign(static_cast<size_t>(layers), AttentionConfig{});
  return config;
}

TEST(TrainSettings, DefaultsFollowTheModel) {
  TrainSettings small, large;
  small.tokens = large.tokens = 1000000000;
  small.scale(model_of(64, 5, 512), 4e-3, 1e-3);
  large.scale(model_of(2048, 16, 131072), 4e-3, 1e-3);
  small.check(512), large.check(131072);
  EXPECT_EQ(small.batch_tokens, 2048);
  EXPECT_EQ(small.micro_tokens, 2048);
  EXPECT_EQ(large.batch_tokens, 370688);
  EXPECT_LT(large.micro_tokens, large.batch_tokens);  // does not fit into memory at once
  EXPECT_EQ(large.lr, 4e-3);
  EXPECT_EQ(large.lr_inherited, 1e-3);
}

TEST(TrainSettings, GivenValuesStay) {
  TrainSettings settings;
  settings.tokens = 100000, settings.length = 100, settings.batch_tokens = 1000, settings.lr = 0.5;
  settings.scale(model_of(64, 5, 512), 4e-3, 1e-3);
  settings.check(512);
  EXPECT_EQ(settings.length, 100);
  EXPECT_EQ(settings.rows_per_step(), 10);
  EXPECT_EQ(settings.steps(), 100);
  EXPECT_EQ(settings.lr, 0.5);
}

TEST(TrainSettings, RefusesWhatDoesNotFit) {
  const auto error = [](const std::string& assignment) -> std::string {
    TrainSettings settings;
    settings.tokens = 100000, settings.length = 100;
    try {
      set_field(settings, assignment);
      settings.scale(model_of(64, 5, 512), 4e-3, 1e-3);
      settings.check(512);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(error("clip=0"), "");
  EXPECT_NE(error("batch_tokens=250").find("batch_tokens: expected a multiple of length 100"), std::string::npos);
  EXPECT_NE(error("micro_tokens=300").find("micro_tokens"), std::string::npos);
  EXPECT_NE(error("dtype=fp16").find("dtype"), std::string::npos);
  EXPECT_NE(error("device=tpu").find("device"), std::string::npos);
  EXPECT_NE(error("lr=-1").find("lr"), std::string::npos);
  EXPECT_NE(error("schedule=cos").find("schedule"), std::string::npos);
  EXPECT_NE(error("tokens=-5").find("tokens"), std::string::npos);
  EXPECT_NE(error("beta2=1").find("beta2"), std::string::npos);
}

TEST(TrainSettings, IdentityLeavesOutHowARunIsRun) {
  const Json identity = identity_of(Json{{"lr", 1}, {"threads", 2}, {"save_every", 3}, {"out", "x"}});
  EXPECT_EQ(identity, (Json{{"lr", 1}, {"least_warmup", 20}}));
}

}  // namespace
}  // namespace zebra
