#include "select/subset_search.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "base/error.h"

namespace zebra {
namespace {

using Layers = std::vector<int64_t>;

// Layers 1 and 4 are worth little alone and much together.
double paired(const Layers& layers) {
  double kl = 10;
  const std::set<int64_t> in(layers.begin(), layers.end());
  for (const int64_t layer : in) kl -= 0.1 * static_cast<double>(1 + layer % 3);
  if (in.count(1) && in.count(4)) kl -= 2;
  return kl;
}

TEST(SubsetSearch, AllFindsWhatSingleScoresDoNotShow) {
  const SubsetSearch found = search_subsets(6, 2, {.all = 15, .beam = 1}, paired);
  EXPECT_TRUE(found.all);
  EXPECT_EQ(found.layers, (Layers{1, 4}));
  EXPECT_DOUBLE_EQ(found.kl, paired({1, 4}));
  EXPECT_EQ(found.evaluated, 1 + 6 + 15);
  ASSERT_EQ(found.scores.size(), 6u);
  EXPECT_DOUBLE_EQ(found.scores[5], 10 - paired({5}));
}

TEST(SubsetSearch, BeamKeepsAscendingSubsetsAndGrowsThem) {
  int calls = 0;
  std::set<Layers> seen;
  const auto kl = [&](const Layers& layers) {
    ++calls;
    EXPECT_TRUE(std::is_sorted(layers.begin(), layers.end()));
    EXPECT_TRUE(seen.insert(layers).second) << "measured twice";
    return paired(layers);
  };
  // 2 and 5 lead alone; a beam of all six singles reaches the pair, a beam of one does not.
  EXPECT_EQ(search_subsets(6, 2, {.all = 14, .beam = 1}, kl).layers, (Layers{2, 5}));
  seen.clear();
  const SubsetSearch wide = search_subsets(6, 2, {.all = 14, .beam = 6}, kl);
  EXPECT_FALSE(wide.all);
  EXPECT_EQ(wide.layers, (Layers{1, 4}));
  EXPECT_EQ(wide.evaluated, 1 + 6 + 15);
}

TEST(SubsetSearch, CountsAndErrors) {
  EXPECT_EQ(count_subsets(16, 4, 5000), 1820);
  EXPECT_EQ(count_subsets(16, 4, 100), 101);
  EXPECT_EQ(count_subsets(80, 40, 100), 101);
  EXPECT_EQ(count_subsets(5, 5, 100), 1);
  EXPECT_THROW(search_subsets(4, 0, {}, paired), Error);
  EXPECT_THROW(search_subsets(4, 5, {}, paired), Error);
  EXPECT_THROW(search_subsets(4, 1, {}, [](const Layers&) { return std::nan(""); }), Error);
}

}  // namespace
}  // namespace zebra
