#include "ops/causal_conv.h"

#include <gtest/gtest.h>

#include "support/gradcheck.h"
#include "support/same.h"

namespace zebra {
namespace {

using testing::Op;

const Op kFast = [](const auto& in) {
  return std::vector{ops::causal_conv_silu(in[0], in[1], in[2], in.size() > 3 ? in[3] : at::Tensor())};
};
const Op kPlain = [](const auto& in) {
  return std::vector{ops::reference::causal_conv_silu(in[0], in[1], in[2], in.size() > 3 ? in[3] : at::Tensor())};
};
at::Tensor random(at::IntArrayRef shape) {
  return at::randn(shape, at::kDouble);
}

TEST(CausalConv, IsTheReferenceForAnyShape) {
  for (const int64_t length : {1, 2, 3, 31, 32, 33, 70}) {
    for (const int64_t taps : {1, 2, 4, 5}) {
      const int64_t width = length % 2 ? 8 : 13;
      const std::vector<at::Tensor> in{random({2, length, width}), random({width, taps}), random({width})};
      testing::expect_same(kFast, kPlain, in);
      auto continued = in;
      continued.push_back(random({2, taps - 1, width}));
      testing::expect_same(kFast, kPlain, continued);
    }
  }
}

TEST(CausalConv, TakesASliceOfAProjection) {
  const auto sliced = [](const Op& op) -> Op {
    return [=](const auto& in) { return op({in[0].narrow(-1, 6, 16), in[1], in[2]}); };
  };
  testing::expect_same(sliced(kFast), sliced(kPlain), {random({2, 40, 30}), random({16, 4}), random({16})});
}

TEST(CausalConv, ContinuesWhereItStopped) {
  const at::Tensor x = random({2, 11, 6}), weight = random({6, 4}), bias = random({6});
  const at::Tensor whole = ops::causal_conv_silu(x, weight, bias, {});
  const at::Tensor late = ops::causal_conv_silu(x.narrow(1, 5, 6), weight, bias, x.narrow(1, 2, 3));
  EXPECT_TRUE(at::allclose(late, whole.narrow(1, 5, 6)));
}

TEST(CausalConv, HasTheGradientOfItsOutput) {
  testing::gradcheck(kFast, {random({2, 6, 3}), random({3, 4}), random({3})});
  testing::gradcheck(kFast, {random({2, 2, 3}), random({3, 4}), random({3}), random({2, 3, 3})});
}

}  // namespace
}  // namespace zebra
