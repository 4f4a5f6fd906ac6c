#include "ops/mlp.h"

#include <gtest/gtest.h>

#include "support/gradcheck.h"
#include "support/same.h"

namespace zebra {
namespace {

using testing::Op;

const Op kFast = [](const auto& in) { return std::vector{ops::mlp(in[0], in[1], in[2], in[3])}; };
const Op kPlain = [](const auto& in) { return std::vector{ops::reference::mlp(in[0], in[1], in[2], in[3])}; };
at::Tensor random(at::IntArrayRef shape) {
  return at::randn(shape, at::kDouble) / 3;
}

TEST(Mlp, IsTheReferenceForAnyShape) {
  const std::pair<int64_t, int64_t> shapes[] = {{1, 1}, {5, 7}, {16, 40}, {64, 172}};
  for (const auto& [width, inner] : shapes) {
    for (const int64_t rows : {1, 31, 48, 101, 400}) {
      SCOPED_TRACE(::testing::Message() << rows << " rows, " << width << " x " << inner);
      testing::expect_same(
          kFast, kPlain,
          {random({1, rows, width}), random({inner, width}), random({inner, width}), random({width, inner})});
    }
  }
}

TEST(Mlp, HasTheGradientOfItsOutput) {
  testing::gradcheck(kFast, {random({34, 3}), random({5, 3}), random({5, 3}), random({3, 5})});
}

TEST(Mlp, WorksInBf16) {
  const at::Tensor x = at::randn({2, 40, 16}), gate = at::randn({24, 16}), up = at::randn({24, 16}),
                   down = at::randn({16, 24});
  const auto low = [](const at::Tensor& value) { return value.to(at::kBFloat16); };
  const at::Tensor y = ops::mlp(low(x), low(gate), low(up), low(down)).to(at::kFloat);
  const at::Tensor expected = ops::mlp(x, gate, up, down);
  EXPECT_LE(((y - expected).abs().max() / expected.abs().max()).item<float>(), 0.03);
}

}  // namespace
}  // namespace zebra
