#include "ops/divergences.h"

#include <gtest/gtest.h>

#include <cmath>

#include "ops/distillation_kl.h"
#include "ops/stored_targets.h"
#include "support/gradcheck.h"
#include "support/same.h"

namespace zebra {
namespace {

using ops::Draws;
using ops::HeadPair;
using testing::Op;

at::Tensor random(at::IntArrayRef shape) {
  return at::randn(shape, at::kDouble);
}

// A divergence and its plain twin.
struct Case {
  const char* name;
  std::function<at::Tensor(const HeadPair&)> fast, plain;
};

std::vector<Case> cases() {
  const Draws draws{.samples = 5, .seed = 3, .first_token = 11};
  return {
      {"forward", ops::forward_kl,
       [](const auto& p) {
         const double t = p.temperature;
         return ops::reference::distillation_kl(p.student_hidden / t, p.student_head, p.teacher_hidden / t,
                                                p.teacher_head, {}) *
                (t * t);
       }},
      {"reverse", ops::reverse_kl, ops::reference::reverse_kl},
      {"jsd 0.1", [](const auto& p) { return ops::generalised_jsd(p, 0.1); },
       [](const auto& p) { return ops::reference::generalised_jsd(p, 0.1); }},
      {"jsd 0.7", [](const auto& p) { return ops::generalised_jsd(p, 0.7); },
       [](const auto& p) { return ops::reference::generalised_jsd(p, 0.7); }},
      {"top 3", [](const auto& p) { return ops::top_k_kl(p, 3); },
       [](const auto& p) { return ops::reference::top_k_kl(p, 3); }},
      {"sampled", [=](const auto& p) { return ops::sampled_kl(p, draws); },
       [=](const auto& p) { return ops::reference::sampled_kl(p, draws); }},
  };
}

HeadPair random_pair(int64_t tokens, int64_t vocabulary, double temperature = 1) {
  return {random({tokens, 4}), random({vocabulary, 4}), random({tokens, 5}), random({vocabulary, 5}), temperature};
}

// A function of the student's two tensors.
Op of_student(const std::function<at::Tensor(const HeadPair&)>& divergence, const HeadPair& pair) {
  return [=](const auto& in) {
    const auto type = in[0].scalar_type();
    return std::vector{
        divergence({in[0], in[1], pair.teacher_hidden.to(type), pair.teacher_head.to(type), pair.temperature})};
  };
}

class Seeded : public ::testing::Test {
 protected:
  void SetUp() override { at::manual_seed(1); }
};
using Divergences = Seeded;
using GeneralisedJsd = Seeded;
using TopKKl = Seeded;
using SampledKl = Seeded;

double value(const at::Tensor& x) {
  return x.item<double>();
}

TEST_F(Divergences, AreTheirDefinitionsWhateverTheChunks) {
  for (const Case& each : cases()) {
    SCOPED_TRACE(each.name);
    for (const auto& [tokens, vocabulary, temperature] :
         {std::tuple{1, 4, 1.0}, {7, 13, 2.5}, {300, 40, 1.0}, {150, 3000, 2.5}}) {
      const HeadPair pair = random_pair(tokens, vocabulary, temperature);
      testing::expect_same(of_student(each.fast, pair), of_student(each.plain, pair),
                           {pair.student_hidden, pair.student_head});
    }
  }
}

TEST_F(Divergences, HaveTheGradientsOfTheirValues) {
  for (const Case& each : cases()) {
    SCOPED_TRACE(each.name);
    for (const double temperature : {1.0, 0.5}) {
      const HeadPair pair = random_pair(6, 7, temperature);
      testing::gradcheck(of_student(each.fast, pair), {pair.student_hidden, pair.student_head});
    }
  }
}

TEST_F(Divergences, OfAModelWithItselfAreZero) {
  for (const Case& each : cases()) {
    HeadPair pair = random_pair(40, 30, 2);
    pair.teacher_hidden = pair.student_hidden, pair.teacher_head = pair.student_head;
    EXPECT_NEAR(value(each.fast(pair)), 0, 1e-12) << each.name;
  }
}

// Sharp distributions, whose least likely tokens have no probability in fp32.
TEST_F(Divergences, StayFiniteWhereProbabilitiesVanish) {
  for (const Case& each : cases()) {
    SCOPED_TRACE(each.name);
    const HeadPair pair = random_pair(20, 30);
    const at::Tensor hidden = pair.student_hidden * 60;
    const auto in = [&](const auto& divergence, at::ScalarType type) {
      HeadPair sharp = pair;
      sharp.teacher_hidden = pair.teacher_hidden * 60;
      return testing::outputs_and_gradients(of_student(divergence, sharp), {hidden, pair.student_head}, type);
    };
    const auto low = in(each.fast, at::kFloat), high = in(each.fast, at::kDouble);
    for (size_t i = 0; i < low.size(); ++i) EXPECT_LE(testing::relative_difference(low[i], high[i]), 1e-3) << i;
  }
}

TEST_F(Divergences, WorkInBf16) {
  for (const Case& each : cases()) {
    if (each.name == std::string("sampled")) continue;  // rounding draws other tokens
    SCOPED_TRACE(each.name);
    const HeadPair pair = random_pair(20, 30, 1.5);
    const std::vector<at::Tensor> in{pair.student_hidden, pair.student_head};
    const auto low = testing::outputs_and_gradients(of_student(each.fast, pair), in, at::kBFloat16);
    const auto expected = testing::outputs_and_gradients(of_student(each.plain, pair), in, at::kDouble);
    for (size_t i = 0; i < low.size(); ++i) EXPECT_LE(testing::relative_difference(low[i], expected[i]), 0.05) << i;
  }
}

TEST_F(Divergences, TemperatureOneIsThePlainKlBitForBit) {
  for (const int64_t vocabulary : {40, 3000}) {
    const HeadPair pair = random_pair(100, vocabulary);
    EXPECT_TRUE(at::equal(ops::forward_kl(pair), ops::distillation_kl(pair.student_hidden, pair.student_head,
                                                                      pair.teacher_hidden, pair.teacher_head)));
  }
}

// T^2 KL nears half the squared distance of the centred logits, times the vocabulary's inverse (Hinton et al. 2015).
TEST_F(Divergences, HighTemperaturesCompareLogits) {
  const HeadPair pair = random_pair(30, 20, 1e3);
  const auto logits = [](const at::Tensor& hidden, const at::Tensor& head) {
    const at::Tensor out = at::mm(hidden, head.t());
    return out - out.mean(-1, true);
  };
  const at::Tensor distance =
      logits(pair.student_hidden, pair.student_head) - logits(pair.teacher_hidden, pair.teacher_head);
  const double expected = value(distance.square().mean()) / 2;
  EXPECT_NEAR(value(ops::forward_kl(pair)), expected, 1e-2 * expected);
  EXPECT_NEAR(value(ops::reverse_kl(pair)), expected, 1e-2 * expected);
}

TEST_F(GeneralisedJsd, HasTheTwoKlsAsItsLimits) {
  const HeadPair pair = random_pair(30, 20);
  const std::vector<at::Tensor> in{pair.student_hidden, pair.student_head};
  constexpr double kSmall = 1e-8;
  const auto expect_limit = [&](double beta, const std::function<at::Tensor(const HeadPair&)>& limit) {
    const auto jsd = [=](const HeadPair& p) { return ops::generalised_jsd(p, beta) / kSmall; };
    const auto found = testing::outputs_and_gradients(of_student(jsd, pair), in, at::kDouble);
    const auto expected = testing::outputs_and_gradients(of_student(limit, pair), in, at::kDouble);
    for (size_t i = 0; i < found.size(); ++i) EXPECT_LE(testing::relative_difference(found[i], expected[i]), 1e-3) << i;
  };
  expect_limit(kSmall, ops::forward_kl);
  expect_limit(1 - kSmall, ops::reverse_kl);
  // Half and half is symmetric, and below log 2.
  const HeadPair swapped{pair.teacher_hidden, pair.teacher_head, pair.student_hidden, pair.student_head};
  const double half = value(ops::generalised_jsd(pair, 0.5));
  EXPECT_NEAR(half, value(ops::generalised_jsd(swapped, 0.5)), 1e-12);
  EXPECT_LT(half, std::log(2.0));
}

TEST_F(TopKKl, GrowsWithKToTheWholeKl) {
  const HeadPair pair = random_pair(30, 20);
  double before = 0;
  for (const int64_t k : {1, 3, 8, 18}) {
    const double now = value(ops::top_k_kl(pair, k));
    EXPECT_GT(now, before) << k;
    before = now;
  }
  // One token in the bucket is that token.
  EXPECT_NEAR(value(ops::top_k_kl(pair, 19)), value(ops::forward_kl(pair)), 1e-12);
  EXPECT_THROW(ops::top_k_kl(pair, 20), c10::Error);
  EXPECT_THROW(ops::top_k_kl(pair, 0), c10::Error);
}

// Value and gradient are the KL's in the mean over draws, within four standard errors.
TEST_F(SampledKl, IsUnbiased) {
  const HeadPair pair = random_pair(8, 6);
  const std::vector<at::Tensor> in{pair.student_hidden, pair.student_head};
  const auto expected = testing::outputs_and_gradients(of_student(ops::forward_kl, pair), in, at::kDouble);
  constexpr int kRuns = 1000;
  std::vector<at::Tensor> sums(expected.size()), squares(expected.size());
  for (int run = 0; run < kRuns; ++run) {
    const Draws draws{.samples = 2, .seed = static_cast<uint64_t>(run), .first_token = 0};
    const auto found = testing::outputs_and_gradients(
        of_student([&](const HeadPair& p) { return ops::sampled_kl(p, draws); }, pair), in, at::kDouble);
    for (size_t i = 0; i < found.size(); ++i) {
      sums[i] = run == 0 ? found[i].clone() : sums[i].add_(found[i]);
      squares[i] = run == 0 ? found[i].square() : squares[i].add_(found[i].square());
    }
  }
  for (size_t i = 0; i < expected.size(); ++i) {
    const at::Tensor mean = sums[i] / kRuns, variance = squares[i] / kRuns - mean.square();
    const at::Tensor errors = (mean - expected[i]).abs() / (variance / kRuns).sqrt();
    EXPECT_LT(value(errors.max()), 4) << "value " << i << " (output first, then gradients)";
    EXPECT_GT(value(variance.max()), 1e-4);  // there is something to average
  }
}

// What a teacher said, kept, teaches the same: gradients bit for bit, values up to the order of their sums.
TEST_F(Divergences, StoredTargetsAreTheTeachers) {
  for (const double temperature : {1.0, 2.0}) {
    const HeadPair pair = random_pair(300, 40, temperature);
    const Draws draws{.samples = 9, .seed = 4, .first_token = 17};
    const auto top = ops::top_k_targets(pair.teacher_hidden, pair.teacher_head, temperature, 5);
    const auto drawn = ops::drawn_targets(pair.teacher_hidden, pair.teacher_head, temperature, draws);
    EXPECT_EQ(drawn.counts.sum().item<int64_t>(), 300 * 9);
    EXPECT_LT(drawn.tokens.numel(), 300 * 9);
    const std::vector<at::Tensor> in{pair.student_hidden, pair.student_head};
    const auto expect_same = [&](const auto& live, const auto& stored) {
      const auto a = testing::outputs_and_gradients(of_student(live, pair), in, at::kDouble);
      const auto b = testing::outputs_and_gradients(of_student(stored, pair), in, at::kDouble);
      EXPECT_NEAR(value(a[0]), value(b[0]), 1e-12);
      for (size_t i = 1; i < a.size(); ++i) EXPECT_TRUE(at::equal(a[i], b[i])) << i;
    };
    expect_same([](const HeadPair& p) { return ops::top_k_kl(p, 5); },
                [&](const HeadPair& p) { return ops::stored_kl(p.student_hidden, p.student_head, temperature, top); });
    expect_same(
        [&](const HeadPair& p) { return ops::sampled_kl(p, draws); },
        [&](const HeadPair& p) { return ops::stored_kl(p.student_hidden, p.student_head, temperature, drawn); });
  }
}

TEST_F(SampledKl, DrawsDependOnSeedAndTokenOnly) {
  const at::Tensor log_probs = random({50, 9}).log_softmax(-1);
  const at::Tensor all = ops::draw_tokens(log_probs, {7, 5, 100});
  EXPECT_EQ(all.sizes(), (std::vector<int64_t>{50, 7}));
  EXPECT_TRUE(at::equal(all.narrow(0, 20, 30), ops::draw_tokens(log_probs.narrow(0, 20, 30), {7, 5, 120})));
  EXPECT_FALSE(at::equal(all, ops::draw_tokens(log_probs, {7, 6, 100})));
  // A token without probability is never drawn.
  at::Tensor some = at::full({1, 4}, -INFINITY, at::kDouble);
  some[0][1] = some[0][2] = std::log(0.5);
  const at::Tensor drawn = ops::draw_tokens(some, {2000, 1, 0});
  EXPECT_TRUE(((drawn == 1) | (drawn == 2)).all().item<bool>());
  EXPECT_NEAR(value(drawn.to(at::kDouble).mean()), 1.5, 0.05);
}

}  // namespace
}  // namespace zebra
