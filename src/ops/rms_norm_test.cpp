#include "ops/rms_norm.h"

#include <gtest/gtest.h>

#include "support/gradcheck.h"
#include "support/same.h"

namespace zebra {
namespace {

using testing::Op;

const Op kFast = [](const auto& in) { return std::vector{ops::rms_norm(in[0], in[1], 1e-5)}; };
const Op kPlain = [](const auto& in) { return std::vector{ops::reference::rms_norm(in[0], in[1], 1e-5)}; };

at::Tensor random(at::IntArrayRef shape) {
  return at::randn(shape, at::kDouble);
}

TEST(RmsNorm, IsTheReferenceForAnyWidth) {
  for (const int64_t width : {1, 3, 8, 13, 64, 100}) {
    testing::expect_same(kFast, kPlain, {random({2, 5, width}), random({width})});
  }
  testing::expect_same(kFast, kPlain, {random({300, 64}), random({64})});
  testing::expect_same(kFast, kPlain, {random({1, 1, 64}), random({64})});
}

TEST(RmsNorm, TakesSlicesAndPermutedTensors) {
  const Op slice = [](const auto& in) { return std::vector{in[0].narrow(-1, 3, 16)}; };
  const auto sliced = [&](const Op& op) -> Op { return [=](const auto& in) { return op({slice(in)[0], in[1]}); }; };
  testing::expect_same(sliced(kFast), sliced(kPlain), {random({2, 5, 24}), random({16})});
  const auto permuted = [&](const Op& op) -> Op {
    return [=](const auto& in) { return op({in[0].transpose(0, 1), in[1]}); };
  };
  testing::expect_same(permuted(kFast), permuted(kPlain), {random({4, 3, 16}), random({16})});
}

TEST(RmsNorm, HasTheGradientOfItsOutput) {
  testing::gradcheck(kFast, {random({3, 11}), random({11})});
}

TEST(RmsNorm, KeepsTheDtypeOfItsInput) {
  const at::Tensor x = at::randn({3, 16}, at::kBFloat16), weight = at::ones({16});
  const at::Tensor y = ops::rms_norm(x, weight, 1e-5);
  EXPECT_EQ(y.scalar_type(), at::kBFloat16);
  EXPECT_TRUE(at::allclose(y.to(at::kFloat), ops::rms_norm(x.to(at::kFloat), weight, 1e-5), 1e-2, 1e-2));
}

TEST(RmsNorm, IsTheReferenceOnCuda) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no CUDA device";
  const Op there = [](const auto& in) {
    return std::vector{ops::rms_norm(in[0].to(at::kCUDA), in[1].to(at::kCUDA), 1e-5).to(at::kCPU)};
  };
  testing::expect_same(there, kPlain, {random({2, 5, 13}), random({13})});
}

}  // namespace
}  // namespace zebra
