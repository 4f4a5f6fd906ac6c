// What a cache costs: per token, per sequence, and of a sequence of some length, where layers have windows and states.
#include <gtest/gtest.h>

#include "model/config.h"
#include "model/describe.h"

namespace zebra {
namespace {

constexpr int64_t kPerToken = 2 * 4 * 8 * 2;  // bytes of an attention layer: keys and values of 4 heads of 8, 16 bits

AttentionConfig attention(int64_t window = 0) {
  return {.hidden = 64, .heads = 8, .kv_heads = 4, .head_dim = 8, .sliding_window = window};
}
MlaConfig mla(int64_t window = 0) {
  return {.hidden = 64,
          .heads = 8,
          .kv_heads = 4,
          .kv_rank = 12,
          .nope_dim = 8,
          .rope_dim = 4,
          .v_dim = 8,
          .sliding_window = window};
}
Mamba2Config mamba2() {
  return {.hidden = 64, .heads = 8, .kv_heads = 4, .head_dim = 8};
}

ModelConfig model(std::vector<MixerConfig> mixers, int64_t window = 0) {
  ModelConfig config;
  config.hidden = 64, config.max_position = 4096;
  config.attention = attention(window);
  config.mixers = std::move(mixers);
  return config;
}

TEST(CacheCost, AWindowBoundsIt) {
  const ModelConfig teacher = model({attention(32), attention(32)}, 32);
  CacheCost cost = cache_cost(teacher);
  EXPECT_EQ(cost.per_token, 0);
  EXPECT_EQ(cost.per_sequence, 2 * 32 * kPerToken);
  EXPECT_EQ(cost.base_per_sequence, cost.per_sequence);
  EXPECT_EQ(cost.percent(), 100);
  EXPECT_EQ(cache_at(teacher, 20).bytes, 2 * 20 * kPerToken);
  EXPECT_EQ(cache_at(teacher, 5000).bytes, 2 * 32 * kPerToken);

  const ModelConfig kept = model({mla(32), mla(32)}, 32);
  cost = cache_cost(kept);
  EXPECT_EQ(cost.per_token, 0);
  EXPECT_DOUBLE_EQ(cost.percent(), 100.0 * 32 / kPerToken);
  EXPECT_DOUBLE_EQ(cache_at(kept, 5000).percent(), 100.0 * 32 / kPerToken);
}

// A folder made before the window was kept: what grows overtakes what does not.
TEST(CacheCost, LatentsThatGrowOvertakeAWindow) {
  ModelConfig lost = model({mla(), mla()}, 32);
  lost.windows = {32, 32};
  EXPECT_EQ(cache_cost(lost).base_per_token, 0);
  EXPECT_DOUBLE_EQ(cache_at(lost, 32).percent(), 100.0 * 32 / kPerToken);
  EXPECT_DOUBLE_EQ(cache_at(lost, 32 * kPerToken / 32).percent(), 100);
  EXPECT_GT(cache_at(lost, 4096).percent(), 100);
}

TEST(CacheCost, OnlyTheWindowedLayersAreBounded) {
  ModelConfig mixed = model({attention(), attention(32), mamba2(), mla()});
  mixed.windows = {0, 32, 32, 0};
  const CacheCost cost = cache_cost(mixed);
  const double state = cache_cost(model({mamba2()})).per_sequence;
  EXPECT_EQ(cost.per_token, kPerToken + 32);
  EXPECT_EQ(cost.per_sequence, 32 * kPerToken + state);
  EXPECT_EQ(cost.base_per_token, 2 * kPerToken);
  EXPECT_EQ(cost.base_per_sequence, 2 * 32 * kPerToken);
  const CacheUse use = cache_at(mixed, 1000);
  EXPECT_EQ(use.bytes, 1000 * (kPerToken + 32) + 32 * kPerToken + state);
  EXPECT_EQ(use.base_bytes, 2 * 1000 * kPerToken + 2 * 32 * kPerToken);
}

TEST(CacheCost, AWindowThatTheContextNeverFillsIsNone) {
  const ModelConfig teacher = model({attention(4096)}, 4096);
  EXPECT_EQ(cache_cost(teacher).per_token, kPerToken);
  EXPECT_EQ(cache_cost(teacher).per_sequence, 0);
}

TEST(CacheCost, StatesCountAtEveryLength) {
  const ModelConfig hybrid = model({mamba2(), mla()});
  const double state = 4 * 64 * 8 + 2 * (64 + 2 * 32) * 3;
  for (const int64_t length : {1, 2048, 131072}) {
    const CacheUse use = cache_at(hybrid, length);
    EXPECT_EQ(use.bytes, state + 32.0 * static_cast<double>(length));
    EXPECT_EQ(use.base_bytes, 2.0 * kPerToken * static_cast<double>(length));
  }
  EXPECT_GT(cache_at(hybrid, 8).percent(), 100);  // states weigh most in short texts
  EXPECT_NEAR(cache_at(hybrid, 131072).percent(), cache_cost(hybrid).percent(), 0.1);
  EXPECT_EQ(usual_lengths(hybrid), (std::vector<int64_t>{2048, 4096}));
  EXPECT_EQ(cache_use_text(hybrid, {131072}), "131072 tokens 12.51 %");
}

}  // namespace
}  // namespace zebra
