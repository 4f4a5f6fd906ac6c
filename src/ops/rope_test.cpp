#include "ops/rope.h"

#include <gtest/gtest.h>

#include "support/gradcheck.h"
#include "support/same.h"

namespace zebra {
namespace {

using testing::Op;

struct Tables {
  at::Tensor cos, sin;
};
Tables tables(int64_t batch, int64_t length, int64_t half) {
  const at::Tensor angle = at::randn({batch, length, half});
  return {angle.cos(), angle.sin()};
}
Op fast(Tables t, bool interleaved) {
  return [=](const auto& in) { return std::vector{ops::rope(in[0], t.cos, t.sin, interleaved)}; };
}
Op plain(Tables t, bool interleaved) {
  return [=](const auto& in) { return std::vector{ops::reference::rope(in[0], t.cos, t.sin, interleaved)}; };
}
at::Tensor random(at::IntArrayRef shape) {
  return at::randn(shape, at::kDouble);
}

TEST(Rope, IsTheReferenceInBothLayouts) {
  for (const bool interleaved : {false, true}) {
    for (const int64_t half : {1, 2, 5, 8}) {
      for (const int64_t rows : {1, 3}) {
        const Tables t = tables(rows, 7, half);
        testing::expect_same(fast(t, interleaved), plain(t, interleaved), {random({3, 7, 4, 2 * half})});
        testing::expect_same(fast(t, interleaved), plain(t, interleaved), {random({3, 7, 4, 2 * half + 3})});
      }
    }
  }
}

TEST(Rope, TurnsPairsByTheirAngle) {
  const at::Tensor angle = at::tensor({0.3f, 1.1f}).view({1, 1, 2});
  const at::Tensor x = at::tensor({1.f, 2.f, 0.f, 0.f}).view({1, 1, 1, 4});
  const at::Tensor half = ops::rope(x, angle.cos(), angle.sin(), false).flatten();
  EXPECT_NEAR(half[0].item<float>(), std::cos(0.3), 1e-6);
  EXPECT_NEAR(half[3].item<float>(), 2 * std::sin(1.1), 1e-6);
  const at::Tensor adjacent = ops::rope(x, angle.cos(), angle.sin(), true).flatten();
  EXPECT_NEAR(adjacent[0].item<float>(), std::cos(0.3) - 2 * std::sin(0.3), 1e-6);
  EXPECT_NEAR(adjacent[1].item<float>(), std::sin(0.3) + 2 * std::cos(0.3), 1e-6);
}

TEST(Rope, HasTheGradientOfItsOutput) {
  testing::gradcheck(fast(tables(1, 3, 2), false), {random({2, 3, 2, 6})});
  testing::gradcheck(fast(tables(2, 3, 2), true), {random({2, 3, 2, 4})});
  const Tables t = tables(1, 3, 2), wide = {t.cos.to(at::kDouble), t.sin.to(at::kDouble)};  // without kernels
  testing::gradcheck(fast(wide, false), {random({2, 3, 2, 6})});
}

TEST(Rope, IsTheReferenceOnCuda) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no CUDA device";
  for (const bool interleaved : {false, true}) {
    const Tables t = tables(3, 7, 4);
    const Op there = [=](const auto& in) {
      return std::vector{
          ops::rope(in[0].to(at::kCUDA), t.cos.to(at::kCUDA), t.sin.to(at::kCUDA), interleaved).to(at::kCPU)};
    };
    testing::expect_same(there, plain(t, interleaved), {random({3, 7, 4, 11})});
  }
}

}  // namespace
}  // namespace zebra
