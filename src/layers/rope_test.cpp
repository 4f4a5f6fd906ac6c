// Frequencies against hand-made double arithmetic of the published formulas; tables against their definition.
#include "layers/rope.h"
#include "layers/batch.h"

#include <gtest/gtest.h>

#include <cmath>

namespace zebra {
namespace {

using Type = RopeConfig::Type;

RopeConfig config(Type type, double theta = 10000, double factor = 1) {
  RopeConfig c;
  c.type = type;
  c.theta = theta;
  c.factor = factor;
  return c;
}

void expect_near(const std::vector<double>& found, const std::vector<double>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i] / expected[i], 1, 1e-6) << "pair " << i;
}

TEST(Rope, StandardAndLinear) {
  expect_near(rope_frequencies(config(Type::standard), 8), {1, 0.1, 0.01, 0.001});
  expect_near(rope_frequencies(config(Type::linear, 10000, 4), 8), {0.25, 0.025, 0.0025, 0.00025});
}

TEST(Rope, DynamicGrowsWithLengthOnlyPastTheLongest) {
  RopeConfig c = config(Type::dynamic, 10000, 4);
  c.max_position = 100;
  expect_near(rope_frequencies(c, 8, 60), {1, 0.1, 0.01, 0.001});
  const double theta = 10000 * std::pow(4.0 * 150 / 100 - 3, 8.0 / 6.0);
  expect_near(rope_frequencies(c, 8, 150), {1, std::pow(theta, -0.25), std::pow(theta, -0.5), std::pow(theta, -0.75)});
}

TEST(Rope, Llama3KeepsShortWavesAndStretchesLongOnes) {
  RopeConfig c = config(Type::llama3, 10000, 8);
  c.original_max_position = 64;  // waves of 6.3, 63, 628, 6283 tokens; 16 and 64 are the borders
  const double smooth = (64 / (2 * M_PI * 10) - 1) / 3;
  expect_near(rope_frequencies(c, 8), {1, (1 - smooth) * 0.1 / 8 + smooth * 0.1, 0.01 / 8, 0.001 / 8});
}

TEST(Rope, Llama3WithoutASpanIsAStep) {
  RopeConfig c = config(Type::llama3, 10000, 8);
  c.original_max_position = 64;
  for (const double factor : {1.0, 64 / (2 * M_PI)}) {  // the second: a wave that is the border itself
    c.low_freq_factor = c.high_freq_factor = factor;
    const double border = 64 / factor;
    std::vector<double> expected;
    for (const double f : {1.0, 0.1, 0.01, 0.001}) expected.push_back(2 * M_PI / f > border * 1.0001 ? f / 8 : f);
    expect_near(rope_frequencies(c, 8), expected);
  }
  c.low_freq_factor = 4, c.high_freq_factor = 1;  // crossed: transformers warns and takes the lower one
  expect_near(rope_frequencies(c, 8), {1, 0.1 / 8, 0.01 / 8, 0.001 / 8});
}

TEST(Rope, SomeFrequenciesGrowAsTheHeadsOwnDo) {
  RopeConfig whole = config(Type::dynamic, 10000, 4);
  whole.max_position = 100;
  RopeConfig some = whole;
  some.ntk_dim = 8, some.inv_freq = {1, 0.01};
  for (const int64_t length : {60, 100, 101, 150, 1000}) {
    const auto all = rope_frequencies(whole, 8, length);
    expect_near(rope_frequencies(some, 4, length), {all[0], all[2]});
  }
  EXPECT_FALSE(Rope(some, 4).depends_on_length(100));
  EXPECT_TRUE(Rope(some, 4).depends_on_length(101));
  some.ntk_dim = 0;  // listed and nothing said about their growth: as given
  expect_near(rope_frequencies(some, 4, 1000), {1, 0.01});
  EXPECT_FALSE(Rope(some, 4).depends_on_length(1000));
}

TEST(Rope, YarnPassesFromOwnToInterpolated) {
  RopeConfig c = config(Type::yarn, 10000, 4);
  c.original_max_position = 64;
  // Dimension of r rotations: 8 ln(64 / 2 pi r) / (2 ln 10000): below 0 for 32, 1.008 -> 2 for 1.
  expect_near(rope_frequencies(c, 8), {1, 0.1 / 4 * 0.5 + 0.1 * 0.5, 0.01 / 4, 0.001 / 4});
  EXPECT_NEAR(rope_attention_factor(c), 0.1 * std::log(4.0) + 1, 1e-12);
  c.mscale = 0.7;
  c.mscale_all_dim = 1.2;
  EXPECT_NEAR(rope_attention_factor(c), (0.07 * std::log(4.0) + 1) / (0.12 * std::log(4.0) + 1), 1e-12);
  EXPECT_EQ(rope_softmax_factor(c), 1);
  c.attention_factor = 0.8;
  EXPECT_EQ(rope_attention_factor(c), 0.8);
}

TEST(Rope, YarnOfDeepseekScalesTheSoftmaxToo) {
  RopeConfig c = config(Type::yarn, 10000, 32);
  c.yarn = RopeConfig::Yarn::deepseek;
  c.mscale = 1;
  c.mscale_all_dim = 0;
  EXPECT_NEAR(rope_attention_factor(c), 0.1 * std::log(32.0) + 1, 1e-12);
  EXPECT_EQ(rope_softmax_factor(c), 1);
  c.mscale_all_dim = 1;
  EXPECT_EQ(rope_attention_factor(c), 1);
  EXPECT_NEAR(rope_softmax_factor(c), std::pow(0.1 * std::log(32.0) + 1, 2), 1e-12);
}

TEST(Rope, ExplicitFrequenciesStandAsGiven) {
  RopeConfig c = config(Type::llama3, 10000, 8);
  c.inv_freq = {0.5, 0.03125};
  EXPECT_EQ(rope_frequencies(c, 4), c.inv_freq);
  EXPECT_THROW(rope_frequencies(c, 8), std::runtime_error);
}

TEST(Rope, TokensTurnByTheirOwnPositions) {
  const Rope rope(config(Type::standard), 4);
  const std::vector<int64_t> positions = {3, 4, 100, 101};
  const Rotation r = rope.at(at::tensor(positions, at::kLong), 102);
  ASSERT_EQ(r.cos.sizes(), at::IntArrayRef({1, 4, 2}));
  for (int64_t t = 0; t < 4; ++t) {
    const auto place = static_cast<double>(positions[static_cast<size_t>(t)]);
    EXPECT_NEAR(r.cos[0][t][0].item<double>(), std::cos(place), 1e-5);
    EXPECT_NEAR(r.sin[0][t][1].item<double>(), std::sin(place * 0.01), 1e-5);
  }
  EXPECT_TRUE(
      at::equal(rope.from_zero(102, at::kCPU).cos[0].index_select(0, at::tensor(positions, at::kLong)), r.cos[0]));
}

TEST(Rope, DynamicSequencesDoNotSeeTheirNeighboursLength) {
  RopeConfig c = config(Type::dynamic, 10000, 4);
  c.max_position = 8;
  const Rope rope(c, 4);
  const std::vector<Sequence> sequences = {{.length = 5, .pages = {0}}, {.length = 12, .pages = {1}}};
  const Batch batch(at::zeros({17}, at::kLong), sequences, 12);
  const at::Tensor both = batch.rotation(rope).cos[0];
  EXPECT_TRUE(at::equal(both.narrow(0, 0, 5), rope.from_zero(5, at::kCPU).cos[0]));
  EXPECT_TRUE(at::equal(both.narrow(0, 5, 12), rope.from_zero(12, at::kCPU).cos[0]));
  EXPECT_FALSE(at::equal(both.narrow(0, 0, 5), both.narrow(0, 5, 5)));
}

TEST(Rope, LayersThatTurnAlikeShareOne) {
  Ropes ropes;
  const auto one = ropes.of(config(Type::standard), 4);
  EXPECT_EQ(one, ropes.of(config(Type::standard), 4));
  EXPECT_NE(one, ropes.of(config(Type::standard), 6));
  EXPECT_NE(one, ropes.of(config(Type::linear, 10000, 2), 4));
}

}  // namespace
}  // namespace zebra
