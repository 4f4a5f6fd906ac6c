#include "train/muon.h"

#include <gtest/gtest.h>

namespace zebra {
namespace {

TEST(Muon, SingularValuesComeNearOne) {
  at::manual_seed(0);
  for (const auto& shape : std::vector<std::vector<int64_t>>{{16, 16}, {8, 40}, {40, 8}, {1, 5}, {3, 12, 7}}) {
    const at::Tensor x = at::randn(shape, at::kFloat);
    const at::Tensor y = orthogonalise(x);
    ASSERT_EQ(y.sizes(), x.sizes());
    const at::Tensor values = at::linalg_svdvals(y);
    EXPECT_GT(values.min().item<double>(), 0.3) << x.sizes();  // a square random matrix has very small ones
    EXPECT_LT(values.max().item<double>(), 1.3) << x.sizes();
    // The directions are those of x: U^T y V is diagonal with the same signs.
    const auto [u, s, v] = at::linalg_svd(x, false);
    const at::Tensor inner = u.transpose(-2, -1).matmul(y).matmul(v.transpose(-2, -1));
    EXPECT_TRUE(at::allclose(inner, at::diag_embed(inner.diagonal(0, -2, -1)), 1e-3, 2e-3));
    EXPECT_GT(inner.diagonal(0, -2, -1).min().item<double>(), 0);
  }
}

TEST(Muon, ScaleDoesNotMatterAndZeroStaysZero) {
  at::manual_seed(1);
  const at::Tensor x = at::randn({6, 9}, at::kFloat);
  EXPECT_TRUE(at::allclose(orthogonalise(x), orthogonalise(1e-4 * x), 1e-3, 1e-4));
  EXPECT_TRUE(at::equal(orthogonalise(at::zeros({4, 4})), at::zeros({4, 4})));
}

}  // namespace
}  // namespace zebra
