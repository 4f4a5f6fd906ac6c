#include "ops/distillation_kl.h"

#include <gtest/gtest.h>

#include "support/gradcheck.h"
#include "support/same.h"

namespace zebra {
namespace {

using testing::Op;

at::Tensor random(at::IntArrayRef shape) {
  return at::randn(shape, at::kDouble);
}

struct Teacher {
  at::Tensor hidden, head, mask;
};
Teacher teacher(int64_t tokens, int64_t vocabulary) {
  return {random({tokens, 5}), random({vocabulary, 5}), {}};
}

Op fast(const Teacher& t) {
  return [=](const auto& in) {
    const auto type = in[0].scalar_type();
    return std::vector{ops::distillation_kl(in[0], in[1], t.hidden.to(type), t.head.to(type), t.mask)};
  };
}
Op plain(const Teacher& t) {
  return [=](const auto& in) {
    return std::vector{ops::reference::distillation_kl(in[0], in[1], t.hidden, t.head, t.mask)};
  };
}
Op fast_entropy(const at::Tensor& targets) {
  return [=](const auto& in) { return std::vector{ops::head_cross_entropy(in[0], in[1], targets)}; };
}
Op plain_entropy(const at::Tensor& targets) {
  return [=](const auto& in) { return std::vector{ops::reference::head_cross_entropy(in[0], in[1], targets)}; };
}

TEST(DistillationKl, IsTheReferenceWhateverTheChunks) {
  for (const auto& [tokens, vocabulary] : {std::pair{1, 2}, {7, 13}, {300, 40}, {150, 3000}}) {
    const Teacher t = teacher(tokens, vocabulary);
    testing::expect_same(fast(t), plain(t), {random({tokens, 4}), random({vocabulary, 4})});
  }
}

TEST(DistillationKl, LeavesMaskedTokensOut) {
  Teacher t = teacher(30, 11);
  t.mask = at::rand({30}) > 0.5;
  testing::expect_same(fast(t), plain(t), {random({30, 4}), random({11, 4})});
  const at::Tensor hidden = random({30, 4}).masked_fill(t.mask.logical_not().unsqueeze(1), NAN).set_requires_grad(true);
  const at::Tensor head = random({11, 4}).set_requires_grad(true);
  fast(t)({hidden, head})[0].backward();
  EXPECT_TRUE(head.grad().isfinite().all().item<bool>());
  EXPECT_TRUE(hidden.grad().isfinite().all().item<bool>());
  t.mask = at::zeros({30});
  EXPECT_EQ(fast(t)({hidden, head})[0].item<double>(), 0);
}

TEST(DistillationKl, OfAModelWithItselfIsZero) {
  const at::Tensor hidden = random({20, 6}).to(at::kFloat), head = random({50, 6}).to(at::kFloat);
  EXPECT_NEAR(ops::distillation_kl(hidden, head, hidden, head).item<float>(), 0, 1e-6);
}

TEST(DistillationKl, HasTheGradientOfItsValue) {
  testing::gradcheck(fast(teacher(6, 7)), {random({6, 3}), random({7, 3})});
}

TEST(DistillationKl, GivesNoGradientToAFrozenHead) {
  const Teacher t = teacher(6, 7);
  const at::Tensor hidden = random({6, 3}).set_requires_grad(true), head = random({7, 3});
  fast(t)({hidden, head})[0].backward();
  EXPECT_TRUE(hidden.grad().defined());
  EXPECT_FALSE(head.grad().defined());
}

TEST(DistillationKl, WorksInBf16) {
  const Teacher t = teacher(20, 30);
  const at::Tensor hidden = random({20, 4}), head = random({30, 4});
  const auto low = testing::outputs_and_gradients(fast(t), {hidden, head}, at::kBFloat16);
  const auto expected = testing::outputs_and_gradients(plain(t), {hidden, head}, at::kDouble);
  for (size_t i = 0; i < low.size(); ++i) EXPECT_LE(testing::relative_difference(low[i], expected[i]), 0.05);
}

TEST(HeadCrossEntropy, IsTheReferenceWhateverTheChunks) {
  for (const auto& [tokens, vocabulary] : {std::pair{1, 2}, {7, 13}, {300, 40}, {150, 3000}}) {
    const at::Tensor targets = at::randint(-1, vocabulary, {tokens}, at::kLong);
    testing::expect_same(fast_entropy(targets), plain_entropy(targets), {random({tokens, 4}), random({vocabulary, 4})});
  }
}

TEST(HeadCrossEntropy, HasTheGradientOfItsValue) {
  testing::gradcheck(fast_entropy(at::tensor({3, -1, 0, 6}, at::kLong)), {random({4, 3}), random({7, 3})});
}

TEST(HeadCrossEntropy, RefusesATargetOutsideTheVocabulary) {
  EXPECT_THROW(ops::head_cross_entropy(random({2, 3}), random({7, 3}), at::tensor({1, 7}, at::kLong)), c10::Error);
}

}  // namespace
}  // namespace zebra
