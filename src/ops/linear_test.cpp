#include "ops/linear.h"

#include <gtest/gtest.h>

#include "support/gradcheck.h"
#include "support/same.h"

namespace zebra {
namespace {

using testing::Op;

at::Tensor bias_of(const std::vector<at::Tensor>& in) {
  return in.size() > 2 ? in[2] : at::Tensor();
}
const Op kFast = [](const auto& in) { return std::vector{ops::linear(in[0], in[1], bias_of(in))}; };
const Op kPlain = [](const auto& in) { return std::vector{at::linear(in[0], in[1], bias_of(in))}; };
at::Tensor random(at::IntArrayRef shape) {
  return at::randn(shape, at::kDouble);
}

TEST(Linear, IsAtensLinearForAnyShape) {
  const std::pair<int64_t, int64_t> shapes[] = {{1, 1}, {3, 5}, {16, 16}, {64, 20}, {20, 64}, {64, 172}, {33, 49}};
  for (const auto& [in, out] : shapes) {
    for (const int64_t rows : {31, 32, 48, 101, 400}) {
      SCOPED_TRACE(::testing::Message() << rows << " rows, " << in << " to " << out);
      testing::expect_same(kFast, kPlain, {random({rows, in}), random({out, in})});
      testing::expect_same(kFast, kPlain, {random({1, rows, in}), random({out, in}), random({out})});
    }
  }
}

TEST(Linear, TakesSlicesAndTransposedWeights) {
  const auto sliced = [](const Op& op) -> Op {
    return [=](const auto& in) { return op({in[0].narrow(-1, 3, 12), in[1].t()}); };
  };
  testing::expect_same(sliced(kFast), sliced(kPlain), {random({4, 20, 17}), random({12, 9})});
}

TEST(Linear, HasTheGradientOfItsOutput) {
  testing::gradcheck(kFast, {random({35, 3}), random({5, 3}), random({5})});
}

TEST(Linear, RefusesShapesThatDoNotGoTogether) {
  EXPECT_THROW(ops::linear(random({40, 3}), random({5, 4})), c10::Error);
}

}  // namespace
}  // namespace zebra
