#include "ops/recompute.h"

#include <gtest/gtest.h>

#include "support/gradcheck.h"
#include "support/peak_memory.h"

namespace zebra {
namespace {

using ops::Tensors;

// Two outputs of two inputs and a parameter; the first input goes two ways.
Tensors twisted(const Tensors& in, const at::Tensor& weight) {
  const at::Tensor a = (at::mm(in[0], weight).tanh() + in[0]) * in[1];
  return {a.exp(), (a * in[0]).sum(0)};
}

Tensors gradients(const Tensors& leaves, const std::function<Tensors()>& outputs) {
  for (const auto& leaf : leaves) leaf.mutable_grad() = at::Tensor();
  const Tensors out = outputs();
  (out[0].sum() + out[1].square().sum()).backward();
  Tensors found = out;
  for (const auto& leaf : leaves) found.push_back(leaf.grad());
  return found;
}

TEST(Recompute, GivesTheBitsOfThePlainCall) {
  at::manual_seed(1);
  Tensors leaves = {at::randn({7, 5}), at::randn({5}), at::randn({5, 5})};
  for (int frozen = -1; frozen < 3; ++frozen) {
    for (int i = 0; i < 3; ++i) leaves[static_cast<size_t>(i)].set_requires_grad(i != frozen);
    const Tensors in = {leaves[0], leaves[1]};
    const Tensors plain = gradients(leaves, [&] { return twisted(in, leaves[2]); });
    const Tensors again = gradients(leaves, [&] {
      return ops::recomputed(in, {leaves[2]}, [&](const Tensors& x) { return twisted(x, leaves[2]); });
    });
    for (size_t i = 0; i < plain.size(); ++i) {
      ASSERT_EQ(plain[i].defined(), again[i].defined()) << i;
      const bool same = !plain[i].defined() || at::equal(plain[i], again[i]);
      EXPECT_TRUE(same) << "frozen " << frozen << ", value " << i;
    }
  }
}

TEST(Recompute, HasTheGradientOfItsValue) {
  at::manual_seed(2);
  testing::gradcheck(
      [](const Tensors& in) {
        const at::Tensor weight = in[2];
        return ops::recomputed({in[0], in[1]}, {weight}, [=](const Tensors& x) { return twisted(x, weight); });
      },
      {at::randn({3, 4}, at::kDouble), at::randn({4}, at::kDouble), at::randn({4, 4}, at::kDouble)});
}

TEST(Recompute, CallsAgainOnlyForAGradient) {
  int calls = 0;
  const auto count = [&](const Tensors& x) {
    ++calls;
    return Tensors{x[0] * 2};
  };
  at::Tensor x = at::ones({3});
  EXPECT_FALSE(ops::recomputed({x}, {}, count)[0].requires_grad());
  EXPECT_EQ(calls, 1);
  x.set_requires_grad(true);
  ops::recomputed({x}, {}, count)[0].sum().backward();
  EXPECT_EQ(calls, 3);
  EXPECT_TRUE(at::equal(x.grad(), at::full({3}, 2.0)));
}

TEST(Recompute, KeepsTheInputsOnly) {
  const auto chain = [](bool again) {
    return testing::peak_bytes([&] {
      at::Tensor x = at::full({1024}, 0.5).set_requires_grad(true);
      for (int block = 0; block < 8; ++block) {
        const auto steps = [](const Tensors& in) {
          at::Tensor y = in[0];
          for (int i = 0; i < 16; ++i) y = y.sin();
          return Tensors{y};
        };
        x = again ? ops::recomputed({x}, {}, steps)[0] : steps({x})[0];
      }
      x.sum().backward();
    });
  };
  EXPECT_LT(chain(true), chain(false) / 4);
}

}  // namespace
}  // namespace zebra
