#include "ops/gated_group_norm.h"

#include <gtest/gtest.h>

#include "support/gradcheck.h"
#include "support/same.h"

namespace zebra {
namespace {

using testing::Op;

Op fast(int64_t group) {
  return [=](const auto& in) { return std::vector{ops::gated_group_norm(in[0], in[1], in[2], group, 1e-5)}; };
}
Op plain(int64_t group) {
  return
      [=](const auto& in) { return std::vector{ops::reference::gated_group_norm(in[0], in[1], in[2], group, 1e-5)}; };
}
at::Tensor random(at::IntArrayRef shape) {
  return at::randn(shape, at::kDouble);
}

TEST(GatedGroupNorm, IsTheReferenceForAnyGroup) {
  for (const int64_t group : {1, 3, 8, 12, 24}) {
    testing::expect_same(fast(group), plain(group), {random({2, 5, 24}), random({2, 5, 24}), random({24})});
  }
  testing::expect_same(fast(8), plain(8), {random({3, 70, 64}), random({3, 70, 64}), random({64})});
}

TEST(GatedGroupNorm, TakesTheGateAsASlice) {
  const auto sliced = [](const Op& op) -> Op {
    return [=](const auto& in) { return op({in[0], in[1].narrow(-1, 5, 16), in[2]}); };
  };
  testing::expect_same(sliced(fast(8)), sliced(plain(8)), {random({2, 7, 16}), random({2, 7, 40}), random({16})});
}

TEST(GatedGroupNorm, HasTheGradientOfItsOutput) {
  testing::gradcheck(fast(4), {random({3, 12}), random({3, 12}), random({12})});
}

TEST(GatedGroupNorm, RefusesGroupsThatDoNotDivide) {
  EXPECT_THROW(ops::gated_group_norm(random({2, 8}), random({2, 8}), random({8}), 3, 1e-5), c10::Error);
}

}  // namespace
}  // namespace zebra
