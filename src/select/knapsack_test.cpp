#include "select/knapsack.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/rng.h"

namespace zebra {
namespace {

using Options = std::vector<std::vector<LayerOption>>;

struct Total {
  int64_t cost = 0;
  double value = 0;
};

Total total_of(const Options& options, const std::vector<int64_t>& choice) {
  Total total;
  for (size_t layer = 0; layer < options.size(); ++layer) {
    if (choice[layer] == kFreeOption) continue;
    const LayerOption& option = options[layer].at(static_cast<size_t>(choice[layer]));
    total.cost += option.cost, total.value += option.value;
  }
  return total;
}

// Every choice, one after the other.
Total by_hand(const Options& options, int64_t budget) {
  Total best;
  std::vector<int64_t> choice(options.size(), kFreeOption);
  for (;;) {
    const Total total = total_of(options, choice);
    const bool better = total.value > best.value + 1e-12;
    const bool cheaper = total.value > best.value - 1e-12 && total.cost < best.cost;
    if (total.cost <= budget && (better || cheaper)) best = total;
    size_t layer = 0;
    while (layer < choice.size() && ++choice[layer] == static_cast<int64_t>(options[layer].size())) {
      choice[layer++] = kFreeOption;
    }
    if (layer == choice.size()) return best;
  }
}

TEST(Knapsack, IsTheBestOfAllChoices) {
  Rng rng(5);
  for (int round = 0; round < 200; ++round) {
    const int64_t unit = 1 + static_cast<int64_t>(rng.below(3)) * 4;
    Options options(1 + rng.below(6));
    for (auto& layer : options) {
      layer.resize(rng.below(4));
      // Some layers are better without: values may be below 0.
      for (auto& option : layer) option = {unit * (1 + static_cast<int64_t>(rng.below(9))), rng.uniform() - 0.2};
    }
    const auto budget = static_cast<int64_t>(rng.below(static_cast<uint64_t>(25 * unit)));
    const Total found = total_of(options, knapsack(options, budget)), expected = by_hand(options, budget);
    EXPECT_LE(found.cost, budget);
    EXPECT_NEAR(found.value, expected.value, 1e-12) << round;
    EXPECT_EQ(found.cost, expected.cost) << round;
  }
}

TEST(Knapsack, Ends) {
  const Options options = {{{10, 1.0}, {20, 1.5}}, {{10, 0.4}}, {}};
  EXPECT_EQ(knapsack(options, 0), (std::vector<int64_t>{-1, -1, -1}));
  EXPECT_EQ(knapsack(options, 19), (std::vector<int64_t>{0, -1, -1}));
  EXPECT_EQ(knapsack(options, 20), (std::vector<int64_t>{1, -1, -1}));
  EXPECT_EQ(knapsack(options, int64_t{1} << 60), (std::vector<int64_t>{1, 0, -1}));
  EXPECT_TRUE(knapsack({}, 5).empty());
}

TEST(Knapsack, Errors) {
  EXPECT_THROW(knapsack({{{0, 1.0}}}, 5), Error);
  EXPECT_THROW(knapsack({{{1, 1.0}}}, -1), Error);
  EXPECT_THROW(knapsack({{{1, std::numeric_limits<double>::infinity()}}}, 5), Error);
}

}  // namespace
}  // namespace zebra
