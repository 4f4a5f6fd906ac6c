#include "select/choice.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace zebra {
namespace {

using Chosen = std::map<int64_t, size_t>;

ModelConfig config_of(int64_t rank) {
  ModelConfig config;
  const MlaConfig mla{
      .hidden = 16, .heads = 4, .kv_heads = 2, .kv_rank = rank, .nope_dim = 4, .rope_dim = 2, .v_dim = 4};
  const AttentionConfig attention{.hidden = 16, .heads = 4, .kv_heads = 2, .head_dim = 4};
  config.mixers.assign(3, rank > 0 ? MixerConfig(mla) : MixerConfig(attention));
  return config;
}

ModelConfig mamba2() {
  ModelConfig config;
  config.mixers.assign(3, Mamba2Config{.hidden = 16, .heads = 4, .kv_heads = 2, .head_dim = 4});
  return config;
}

TEST(Choice, KnapsackSpendsPartOfTheTeachersCache) {
  // The teacher caches 3 x 16 values a token; options cost 6 and 10.
  const std::vector<LayerChoice> options = {{"a", config_of(4), {0.5, 0.1, 0.4}},
                                            {"b", config_of(8), {0.6, 0.15, 0.9}}};
  const auto chosen = [&](double percent) {
    return choose_layers({.method = "knapsack", .kv_percent = percent}, options, mamba2(), config_of(0));
  };
  EXPECT_EQ(chosen(12.5), (Chosen{{0, 0}}));          // 6
  EXPECT_EQ(chosen(20.84), (Chosen{{2, 1}}));         // 10
  EXPECT_EQ(chosen(33.4), (Chosen{{0, 0}, {2, 1}}));  // 16
  EXPECT_EQ(chosen(100), (Chosen{{0, 1}, {1, 1}, {2, 1}}));
}

TEST(Choice, ScoresChooseLayersOfTheOneOption) {
  const std::vector<LayerChoice> options = {{"a", config_of(4), {0.5, 0.1, 0.4}}};
  EXPECT_EQ(choose_layers({.method = "largest", .count = 2}, options, mamba2(), config_of(0)),
            (Chosen{{0, 0}, {2, 0}}));
}

TEST(Choice, WhereTheRestIsMlaOnlyWhatIsBeyondItCosts) {
  // Of 48 values the rest takes 3 x 4; the options 2 and 6 more.
  const std::vector<LayerChoice> options = {{"a", config_of(4), {0.5, 0.1, 0.4}},
                                            {"b", config_of(8), {0.6, 0.15, 0.9}}};
  const auto chosen = [&](double percent) {
    return choose_layers({.method = "knapsack", .rest = "mla", .kv_percent = percent}, options, config_of(2),
                         config_of(0));
  };
  EXPECT_EQ(chosen(25), (Chosen{}));                  // 12
  EXPECT_EQ(chosen(29.2), (Chosen{{0, 0}}));          // 14
  EXPECT_EQ(chosen(41.7), (Chosen{{0, 0}, {2, 1}}));  // 20
  EXPECT_THROW(chosen(24.9), Error);
  EXPECT_THROW(extra_cost(config_of(2), config_of(2)), Error);
}

TEST(Choice, Defaults) {
  ChoicePlan plan{.count = 2};
  check_choice(plan, 3, 1);
  EXPECT_EQ(plan.method, "smart");
  ChoicePlan trained{.score = "trained", .count = 2};
  check_choice(trained, 3, 1);
  EXPECT_EQ(trained.method, "largest");
  EXPECT_TRUE(trained.trains());
  ChoicePlan supernet{.score = "supernet", .count = 2};
  check_choice(supernet, 3, 1);
  EXPECT_EQ(supernet.method, "search");
  ChoicePlan ranks{.score = "supernet", .rest = "mla", .kv_percent = 20};
  check_choice(ranks, 3, 3);
  EXPECT_EQ(ranks.method, "knapsack");
}

TEST(Choice, Errors) {
  const auto refuses = [](ChoicePlan plan, size_t options = 1) { EXPECT_THROW(check_choice(plan, 3, options), Error); };
  refuses({});
  refuses({.count = 4});
  refuses({.count = 2}, 2);
  refuses({.method = "clever", .count = 2});
  refuses({.score = "taste", .count = 2});
  refuses({.method = "search", .score = "recall", .count = 2});
  refuses({.method = "knapsack"});
  refuses({.method = "knapsack", .score = "recall", .kv_percent = 5}, 2);
  refuses({.method = "knapsack", .score = "recall-ratio", .kv_percent = 5}, 2);
  ChoicePlan ranks{.method = "knapsack", .score = "trained", .kv_percent = 5};
  check_choice(ranks, 3, 2);
  refuses({.method = "knapsack", .count = 2, .kv_percent = 5});
  refuses({.count = 2, .kv_percent = 5});
  refuses({.method = "search", .score = "trained", .count = 2});
  refuses({.rest = "attention", .count = 2});
  refuses({.score = "recall", .rest = "mla", .count = 2});
  refuses({.rest = "mla", .count = 2}, 0);
}

// Layer 1 loses as much recall as layer 0 and less of everything else.
TEST(Choice, RecallRatios) {
  const auto ratios = recall_ratios({0.4, 0.4, -0.1, 0.2}, {-0.5, -0.3, -0.2, -0.1});
  EXPECT_NEAR(ratios[0], 1, 1e-8);
  EXPECT_NEAR(ratios[1], 2, 1e-8);
  EXPECT_EQ(ratios[2], 0);
  EXPECT_EQ(ratios[3], 50);
}

}  // namespace
}  // namespace zebra
