#include "ops/adamw.h"

#include <gtest/gtest.h>

#include <cmath>

namespace zebra {
namespace {

TEST(AdamW, IsTheReferenceInAnySize) {
  for (const int64_t size : {1, 7, 8, 1001, 70000}) {
    const at::Tensor param = at::randn({size}), m = at::randn({size}), v = at::rand({size});
    const at::Tensor fast[3] = {param.clone(), m.clone(), v.clone()};
    const at::Tensor plain[3] = {param.to(at::kDouble), m.to(at::kDouble), v.to(at::kDouble)};
    for (int64_t step = 1; step <= 3; ++step) {
      const at::Tensor grad = at::randn({size});
      const ops::AdamWStep settings{.lr = 0.01, .weight_decay = 0.1, .grad_scale = 0.5, .step = step};
      ops::adamw(fast[0], grad, fast[1], fast[2], settings);
      ops::reference::adamw(plain[0], grad.to(at::kDouble), plain[1], plain[2], settings);
    }
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(at::allclose(fast[i].to(at::kDouble), plain[i], 1e-5, 1e-6));
  }
}

TEST(AdamW, FirstStepGoesByTheRateAgainstTheSign) {
  const at::Tensor param = at::tensor({1.0f, 1.0f}), grad = at::tensor({0.3f, -20.0f});
  const at::Tensor m = at::zeros({2}), v = at::zeros({2});
  ops::adamw(param, grad, m, v, {.lr = 0.1});
  EXPECT_NEAR(param[0].item<float>(), 0.9, 1e-5);
  EXPECT_NEAR(param[1].item<float>(), 1.1, 1e-5);
}

TEST(AdamW, DecaysWeightsApartFromTheGradient) {
  const at::Tensor param = at::full({3}, 2.0f), zero = at::zeros({3});
  ops::adamw(param, zero, zero.clone(), zero.clone(), {.lr = 0.1, .weight_decay = 0.5});
  EXPECT_TRUE(at::allclose(param, at::full({3}, 2 * (1 - 0.1f * 0.5f))));
}

TEST(AdamW, TakesTensorsThatAreNotContiguous) {
  const at::Tensor param = at::randn({4, 6}).t(), grad = at::randn({6, 4});
  const at::Tensor copy = param.contiguous().clone();
  const at::Tensor m = at::zeros({6, 4}), v = at::zeros({6, 4});
  ops::adamw(param, grad, m.clone(), v.clone(), {.lr = 0.1});
  ops::adamw(copy, grad, m.clone(), v.clone(), {.lr = 0.1});
  // The same arithmetic on other lanes: equal up to the rounding of numbers near 1, also where a weight ends near 0.
  EXPECT_LE((param - copy).abs().max().item<float>(), 1e-6f);
}

}  // namespace
}  // namespace zebra
