#include "ops/swiglu.h"

#include <gtest/gtest.h>

#include "support/gradcheck.h"
#include "support/same.h"

namespace zebra {
namespace {

using testing::Op;

const Op kFast = [](const auto& in) { return std::vector{ops::swiglu(in[0], in[1])}; };
const Op kPlain = [](const auto& in) { return std::vector{ops::reference::swiglu(in[0], in[1])}; };
at::Tensor random(at::IntArrayRef shape) {
  return at::randn(shape, at::kDouble) * 3;
}

TEST(Swiglu, IsTheReferenceForAnySize) {
  for (const int64_t width : {1, 7, 8, 172}) {
    testing::expect_same(kFast, kPlain, {random({3, 5, width}), random({3, 5, width})});
  }
  testing::expect_same(kFast, kPlain, {random({90, 300}), random({90, 300})});
}

TEST(Swiglu, StaysFiniteForLargeGates) {
  const at::Tensor gate = at::tensor({-1e4f, -100.f, -88.f, 0.f, 88.f, 100.f, 1e4f});
  const at::Tensor y = ops::swiglu(gate, at::ones_like(gate));
  EXPECT_TRUE(at::allclose(y, at::silu(gate), 1e-6, 1e-30)) << y;
}

TEST(Swiglu, PassesOnWhatIsNotANumber) {
  const at::Tensor gate = at::full({9}, NAN);
  EXPECT_TRUE(ops::swiglu(gate, at::ones_like(gate)).isnan().all().item<bool>());
}

TEST(Swiglu, HasTheGradientOfItsOutput) {
  testing::gradcheck(kFast, {random({3, 7}), random({3, 7})});
}

}  // namespace
}  // namespace zebra
