#include "train/optimizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace zebra {
namespace {

// A model of three tensors: a new matrix, an inherited matrix and an inherited vector.
struct Toy {
  at::Tensor fresh, old, bias;
  explicit Toy(at::ScalarType type = at::kFloat)
      : fresh(at::arange(6, at::kFloat).view({2, 3}).to(type)),
        old(at::arange(4, at::kFloat).view({2, 2}).add(1).to(type)),
        bias(at::ones({5}, at::kFloat)) {}

  Optimizer optimizer(OptimizerSettings settings) {
    return Optimizer(
        [this](const ParameterVisitor& visit) {
          visit({"old"}, old);  // not in group order on purpose
          visit({"fresh"}, fresh);
          visit({"bias", Role::bias}, bias);
        },
        [](const std::string& name) { return name == "fresh"; }, settings);
  }
  at::Tensor loss() const {
    return (fresh.to(at::kFloat).square().sum() + old.to(at::kFloat).square().sum() + bias.square().sum()) / 2;
  }
};

void backward(Optimizer& optimizer, const at::Tensor& loss) {
  optimizer.zero_grad();
  loss.backward();
  optimizer.collect_grad();
}

TEST(Optimizer, GroupsHaveTheirOwnRatesAndVectorsDoNotDecay) {
  Toy toy;
  Optimizer optimizer = toy.optimizer({.lr = 0.1, .lr_inherited = 0.01, .weight_decay = 0.5, .clip = 0});
  const at::Tensor fresh = toy.fresh.detach().clone(), old = toy.old.detach().clone(), bias = toy.bias.detach().clone();
  backward(optimizer, toy.loss());
  optimizer.step(1, 1);
  // The first AdamW step is the gradient's sign times the rate, plus the decay; all gradients here are >= 0.
  const at::Tensor expected = fresh - 0.1 * (fresh > 0).to(at::kFloat) - 0.1 * 0.5 * fresh;
  EXPECT_TRUE(at::allclose(toy.fresh, expected, 1e-4, 1e-5));
  EXPECT_TRUE(at::allclose(toy.old, old - 0.01 - 0.01 * 0.5 * old, 1e-4, 1e-5));
  EXPECT_TRUE(at::allclose(toy.bias, bias - 0.01, 1e-4, 1e-5));
}

TEST(Optimizer, FollowsAdamWInDouble) {
  Toy toy;
  const OptimizerSettings settings{.lr = 0.02, .lr_inherited = 0.02, .weight_decay = 0.1, .clip = 0};
  Optimizer optimizer = toy.optimizer(settings);
  at::Tensor w = toy.old.detach().to(at::kDouble), m = at::zeros_like(w), v = at::zeros_like(w);
  for (int step = 1; step <= 20; ++step) {
    const double factor = 1.0 / step;
    backward(optimizer, toy.loss());
    optimizer.step(1, factor);
    const at::Tensor g = w;  // of the square / 2
    m = 0.9 * m + 0.1 * g;
    v = 0.95 * v + 0.05 * g * g;
    const double c1 = 1 - std::pow(0.9, step), c2 = 1 - std::pow(0.95, step), lr = 0.02 * factor;
    w = w * (1 - lr * 0.1) - lr * (m / c1) / ((v / c2).sqrt() + 1e-8);
  }
  EXPECT_TRUE(at::allclose(toy.old.to(at::kDouble), w, 1e-5, 1e-6));
}

TEST(Optimizer, ClipsTheGlobalNorm) {
  // AdamW itself is blind to the gradient's scale from the first step on; its moments are not.
  const auto moment = [](double clip) {
    Toy toy;
    Optimizer optimizer = toy.optimizer({.clip = clip});
    backward(optimizer, toy.loss());
    const double norm = optimizer.step(1, 1).grad_norm;
    double sum = 0;
    for (const auto& [name, value] : optimizer.first_moments()) sum += value.square().sum().item<double>();
    return std::make_pair(norm, std::sqrt(sum) / 0.1);
  };
  const double expected = std::sqrt(0 + 1 + 4 + 9 + 16 + 25 + 1 + 4 + 9 + 16 + 5);
  EXPECT_NEAR(moment(0).first, expected, 1e-4);
  EXPECT_NEAR(moment(0).second, expected, 1e-3);
  EXPECT_NEAR(moment(2).first, expected, 1e-4);  // reported before clipping
  EXPECT_NEAR(moment(2).second, 2, 1e-4);
  EXPECT_NEAR(moment(100).second, expected, 1e-3);
}

TEST(Optimizer, NonFiniteNumbersNeverReachTheWeights) {
  const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  Toy toy;
  Optimizer optimizer = toy.optimizer({});
  backward(optimizer, toy.loss());
  optimizer.step(1, 1);
  const at::Tensor before = toy.fresh.detach().clone(), moment = optimizer.second_moments()[0].second.clone();
  for (const double bad : {nan, inf}) {
    backward(optimizer, toy.loss() * bad);
    EXPECT_TRUE(optimizer.step(1, 1).skipped);  // by its norm
    backward(optimizer, toy.loss());
    EXPECT_TRUE(optimizer.step(bad, 1).skipped);  // by its loss
  }
  EXPECT_TRUE(at::equal(toy.fresh, before));
  EXPECT_TRUE(at::equal(optimizer.second_moments()[0].second, moment));
  EXPECT_EQ(optimizer.skipped(), 4);
  EXPECT_EQ(optimizer.skipped_in_a_row(), 4);
  EXPECT_EQ(optimizer.updates(), 1);
  backward(optimizer, toy.loss());
  EXPECT_FALSE(optimizer.step(1, 1).skipped);
  EXPECT_EQ(optimizer.skipped_in_a_row(), 0);
  EXPECT_FALSE(at::equal(toy.fresh, before));
}

TEST(Optimizer, LowPrecisionKeepsFp32Weights) {
  Toy toy(at::kBFloat16);
  Optimizer optimizer = toy.optimizer({.lr = 1e-3, .lr_inherited = 1e-4, .clip = 0});
  at::Tensor master;
  for (const auto& [name, value] : optimizer.weights()) {
    if (name == "old") master = value;
  }
  const at::Tensor first = master.clone();
  for (int step = 0; step < 3; ++step) {
    backward(optimizer, toy.loss());
    optimizer.step(1, 1);
  }
  EXPECT_EQ(toy.old.scalar_type(), at::kBFloat16);
  // Steps of 1e-4 vanish in bf16 near 1, and add up in fp32.
  EXPECT_TRUE(at::allclose(first - master, at::full_like(first, 3e-4), 1e-2, 0));
  EXPECT_TRUE(at::equal(toy.old.detach(), master.to(at::kBFloat16)));
  optimizer.release();
  EXPECT_EQ(toy.old.scalar_type(), at::kFloat);
  EXPECT_FALSE(toy.old.requires_grad());
  EXPECT_TRUE(at::equal(toy.old, master));
}

TEST(Optimizer, PassesAddUp) {
  Toy once, twice;
  Optimizer a = once.optimizer({.clip = 0}), b = twice.optimizer({.clip = 0});
  backward(a, once.loss());
  b.zero_grad();
  for (int pass = 0; pass < 2; ++pass) {
    (twice.loss() * 0.5).backward();
    b.collect_grad();
  }
  EXPECT_NEAR(a.step(1, 1).grad_norm, b.step(1, 1).grad_norm, 1e-5);
  EXPECT_TRUE(at::allclose(once.old, twice.old));
}

}  // namespace
}  // namespace zebra
