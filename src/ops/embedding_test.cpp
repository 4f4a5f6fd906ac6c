#include "ops/embedding.h"

#include <gtest/gtest.h>

#include "support/gradcheck.h"

namespace zebra {
namespace {

using Embed = at::Tensor (*)(const at::Tensor&, const at::Tensor&);

// The gradient of a table under one of each place's output.
at::Tensor gradient(Embed embed, const at::Tensor& table, const at::Tensor& ids, const at::Tensor& outer) {
  const at::Tensor weight = table.detach().clone().set_requires_grad(true);
  (embed(weight, ids) * outer).sum().backward();
  return weight.grad();
}

TEST(Embedding, IsTheReference) {
  const at::Tensor ids = at::randint(0, 7, {3, 50}, at::kLong);
  for (const auto type : {at::kBFloat16, at::kFloat, at::kDouble}) {
    const at::Tensor table = at::randn({9, 5}, type), outer = at::randn({3, 50, 5}, type);
    EXPECT_TRUE(at::equal(ops::embedding(table, ids), ops::reference::embedding(table, ids))) << type;
    const at::Tensor ours = gradient(ops::embedding, table, ids, outer);
    EXPECT_EQ(ours.scalar_type(), type);
    EXPECT_TRUE(at::allclose(ours, gradient(ops::reference::embedding, table, ids, outer), 1e-2, 1e-3)) << type;
    EXPECT_EQ(ours.narrow(0, 7, 2).abs().sum().item<double>(), 0) << "tokens that do not occur";
  }
}

// Sums in bf16 stop at 256 ones.
TEST(Embedding, AThousandOnesAreAThousand) {
  const at::Tensor table = at::zeros({4, 2}, at::kBFloat16);
  for (const int64_t count : {1000, 1024, 5000}) {
    const at::Tensor ids = at::full({2, count / 2}, 3, at::kLong), outer = at::ones({2, count / 2, 2}, at::kBFloat16);
    const at::Tensor found = gradient(ops::embedding, table, ids, outer)[3][0];
    EXPECT_EQ(found.item<double>(), at::tensor(double(count)).to(at::kBFloat16).item<double>());
  }
}

TEST(Embedding, HasTheGradientOfItsOutput) {
  const at::Tensor ids = at::tensor({2, 0, 2, 1}, at::kLong).view({2, 2});
  testing::gradcheck([&](const auto& in) { return std::vector{ops::embedding(in[0], ids)}; },
                     {at::randn({4, 3}, at::kDouble)});
}

TEST(Embedding, IsTheReferenceOnCuda) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no CUDA device";
  const at::Tensor ids = at::full({2, 500}, 3, at::kLong).to(at::kCUDA);
  const auto on = at::TensorOptions(at::kCUDA).dtype(at::kBFloat16);
  EXPECT_EQ(gradient(ops::embedding, at::zeros({4, 2}, on), ids, at::ones({2, 500, 2}, on))[3][0].item<double>(), 1000);
}

}  // namespace
}  // namespace zebra
