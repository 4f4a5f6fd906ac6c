#include "select/selectors.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/rng.h"

namespace zebra {
namespace {

using Layers = std::vector<int64_t>;

// Every placement that the rules allow, tried one after the other.
Layers smart_by_hand(const std::vector<double>& scores, int64_t count) {
  const auto layers = static_cast<int64_t>(scores.size()), part = layers / count;
  const auto best = [&](int64_t begin, int64_t end) {
    int64_t at = begin;
    for (int64_t i = begin; i < end; ++i) at = scores[i] > scores[at] ? i : at;
    return at;
  };
  const int64_t first = best(0, part), last = best(layers - part, layers);
  Layers chosen;
  double most = -1e300;
  for (int64_t mask = 0; mask < int64_t{1} << layers; ++mask) {
    Layers picks;
    for (int64_t i = 0; i < layers; ++i) {
      if (mask >> i & 1) picks.push_back(i);
    }
    if (static_cast<int64_t>(picks.size()) != count || picks.front() != first || picks.back() != last) continue;
    int64_t near = layers, far = 0;
    double total = 0;
    for (size_t i = 0; i < picks.size(); ++i) {
      total += scores[picks[i]];
      if (i > 0) near = std::min(near, picks[i] - picks[i - 1]), far = std::max(far, picks[i] - picks[i - 1]);
    }
    if (far - near <= 1 && total > most + 1e-12) most = total, chosen = picks;
  }
  return chosen;
}

TEST(Selectors, SmartIsTheBestOfAllAllowedPlacements) {
  Rng rng(3);
  for (int64_t layers = 4; layers <= 14; ++layers) {
    for (int64_t count = 2; count <= layers / 2; ++count) {
      std::vector<double> scores;
      for (int64_t i = 0; i < layers; ++i) scores.push_back(rng.uniform() - 0.2);
      EXPECT_EQ(smart_layers(scores, count), smart_by_hand(scores, count)) << layers << " " << count;
    }
  }
}

// Sensitivities measured on a model of 8 layers with AMD's recipe.
TEST(Selectors, SmartOnMeasuredScores) {
  const std::vector<double> scores = {0.0666, 0.1038, 0.1247, 0.1697, 0.0937, 0.1063, 0.2028, 0.0753};
  EXPECT_EQ(smart_layers(scores, 2), (Layers{3, 6}));
  EXPECT_EQ(largest_layers(scores, 2), (Layers{3, 6}));
  EXPECT_EQ(smart_layers(scores, 1), (Layers{6}));
  EXPECT_EQ(smart_layers(scores, 8), (Layers{0, 1, 2, 3, 4, 5, 6, 7}));
}

TEST(Selectors, Simple) {
  EXPECT_EQ(largest_layers({1, 5, 5, 0, 7}, 3), (Layers{1, 2, 4}));
  EXPECT_EQ(uniform_layers(std::vector<double>(16), 4), (Layers{2, 6, 10, 14}));
  EXPECT_EQ(uniform_layers(std::vector<double>(5), 5), (Layers{0, 1, 2, 3, 4}));
}

TEST(Selectors, Errors) {
  EXPECT_THROW(select_layers("smart", {1, 2}, 0), Error);
  EXPECT_THROW(select_layers("smart", {1, 2}, 3), Error);
  EXPECT_THROW(select_layers("clever", {1, 2}, 1), Error);
  EXPECT_THROW(select_layers("smart", {1, std::numeric_limits<double>::quiet_NaN()}, 1), Error);
}

}  // namespace
}  // namespace zebra
