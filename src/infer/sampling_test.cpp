// What may be drawn and how often.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "infer/generate.h"

namespace zebra {
namespace {

// Probabilities 0.5, 0.25, 0.15, 0.07, 0.03 in a mixed order.
const std::vector<double> kProbabilities = {0.15, 0.5, 0.03, 0.25, 0.07};

std::map<int64_t, double> frequencies(const SamplingParams& params, int draws = 20000) {
  std::vector<float> logits;
  for (const double p : kProbabilities) logits.push_back(static_cast<float>(std::log(p) + 3));
  Rng rng(params.seed);
  std::map<int64_t, double> counts;
  for (int i = 0; i < draws; ++i) {
    counts[sample_token(logits.data(), static_cast<int64_t>(logits.size()), params, rng)] += 1.0 / draws;
  }
  return counts;
}

void expect_frequencies(const std::map<int64_t, double>& found, const std::map<int64_t, double>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (const auto& [id, p] : expected) EXPECT_NEAR(found.at(id), p, 0.015) << "id " << id;
}

TEST(Sampling, GreedyTakesTheFirstOfTheLikeliest) {
  const std::vector<float> logits = {1, 4, -2, 4};
  Rng rng(0);
  EXPECT_EQ(sample_token(logits.data(), 4, {}, rng), 1);
}

TEST(Sampling, WholeDistribution) {
  expect_frequencies(frequencies({.temperature = 1}), {{0, 0.15}, {1, 0.5}, {2, 0.03}, {3, 0.25}, {4, 0.07}});
}

TEST(Sampling, TemperatureSharpens) {
  double total = 0;
  for (const double p : kProbabilities) total += p * p;
  EXPECT_NEAR(frequencies({.temperature = 0.5}).at(1), 0.25 / total, 0.015);
}

TEST(Sampling, TopK) {
  expect_frequencies(frequencies({.temperature = 1, .top_k = 2}), {{1, 2.0 / 3}, {3, 1.0 / 3}});
}

TEST(Sampling, TopPKeepsTheTokenThatCrosses) {
  expect_frequencies(frequencies({.temperature = 1, .top_p = 0.6}), {{1, 2.0 / 3}, {3, 1.0 / 3}});
  expect_frequencies(frequencies({.temperature = 1, .top_p = 0.0}), {{1, 1}});
}

TEST(Sampling, TopPWorksOnWhatTopKLeft) {
  // Of {0.5, 0.25, 0.15}, the first two hold 0.83.
  expect_frequencies(frequencies({.temperature = 1, .top_k = 3, .top_p = 0.8}), {{1, 2.0 / 3}, {3, 1.0 / 3}});
}

// As transformers draws: top-k keeps what is as likely as the k-th, top-p drops from the front of an ascending order
// that leaves equal ones as they stand.
TEST(Sampling, EqualOnes) {
  const auto drawn = [](const std::vector<float>& logits, const SamplingParams& params) {
    Rng rng(1);
    std::set<int64_t> ids;
    for (int i = 0; i < 500; ++i) {
      ids.insert(sample_token(logits.data(), static_cast<int64_t>(logits.size()), params, rng));
    }
    return ids;
  };
  const std::vector<float> head_of_zeros(6, 0.0f);
  EXPECT_EQ(drawn(head_of_zeros, {.temperature = 1, .top_k = 2}), (std::set<int64_t>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(drawn({1, 3, 2, 2, 0}, {.temperature = 1, .top_k = 2}), (std::set<int64_t>{1, 2, 3}));
  EXPECT_EQ(drawn(head_of_zeros, {.temperature = 1, .top_p = 0.4}), (std::set<int64_t>{3, 4, 5}));
  EXPECT_EQ(drawn({1, 9, 9, 9}, {.temperature = 1, .top_p = 0.5}), (std::set<int64_t>{2, 3}));
  EXPECT_EQ(drawn({1, 9, 9, 9}, {.temperature = 1, .top_k = 1, .top_p = 0.2}), (std::set<int64_t>{3}));
}

TEST(Sampling, MinP) {
  expect_frequencies(frequencies({.temperature = 1, .min_p = 0.25}),
                     {{1, 0.5 / 0.9}, {3, 0.25 / 0.9}, {0, 0.15 / 0.9}});
}

TEST(Sampling, SeedDecides) {
  const std::vector<float> logits(100, 0);
  const auto draw = [&](uint64_t seed) {
    Rng rng(seed);
    std::vector<int64_t> ids;
    for (int i = 0; i < 20; ++i) ids.push_back(sample_token(logits.data(), 100, {.temperature = 1}, rng));
    return ids;
  };
  EXPECT_EQ(draw(1), draw(1));
  EXPECT_NE(draw(1), draw(2));
}

}  // namespace
}  // namespace zebra
