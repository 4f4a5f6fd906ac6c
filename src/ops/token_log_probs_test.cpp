#include "ops/token_log_probs.h"

#include <gtest/gtest.h>

#include "support/gradcheck.h"
#include "support/same.h"

namespace zebra {
namespace {

using testing::Op;

at::Tensor random(at::IntArrayRef shape) {
  return at::randn(shape, at::kDouble);
}
Op fast(const at::Tensor& targets) {
  return [=](const auto& in) { return std::vector{ops::token_log_probs(in[0], in[1], targets)}; };
}
Op plain(const at::Tensor& targets) {
  return [=](const auto& in) { return std::vector{ops::reference::token_log_probs(in[0], in[1], targets)}; };
}

TEST(TokenLogProbs, AreTheReferenceWhateverTheChunks) {
  for (const auto& [tokens, vocabulary] : {std::pair{1, 2}, {7, 13}, {300, 40}, {150, 3000}}) {
    const at::Tensor targets = at::randint(0, vocabulary, {tokens}, at::kLong);
    testing::expect_same(fast(targets), plain(targets), {random({tokens, 4}), random({vocabulary, 4})});
  }
}

TEST(TokenLogProbs, HaveTheGradientOfTheirValue) {
  testing::gradcheck(fast(at::tensor({3, 1, 0, 6}, at::kLong)), {random({4, 3}), random({7, 3})});
}

TEST(TokenLogProbs, WorkInBf16) {
  const at::Tensor targets = at::randint(0, 30, {20}, at::kLong), hidden = random({20, 4}), head = random({30, 4});
  const auto low = testing::outputs_and_gradients(fast(targets), {hidden, head}, at::kBFloat16);
  const auto expected = testing::outputs_and_gradients(plain(targets), {hidden, head}, at::kDouble);
  for (size_t i = 0; i < low.size(); ++i) EXPECT_LE(testing::relative_difference(low[i], expected[i]), 0.05);
}

TEST(TokenLogProbs, GiveNoGradientToAFrozenHead) {
  const at::Tensor hidden = random({6, 3}).set_requires_grad(true), head = random({7, 3});
  ops::token_log_probs(hidden, head, at::zeros({6}, at::kLong)).sum().backward();
  EXPECT_TRUE(hidden.grad().defined());
  EXPECT_FALSE(head.grad().defined());
}

TEST(TokenLogProbs, OfNoTokensAreNone) {
  EXPECT_EQ(ops::token_log_probs(random({0, 3}), random({7, 3}), at::zeros({0}, at::kLong)).numel(), 0);
}

TEST(TokenLogProbs, RefuseATargetOutsideTheVocabulary) {
  for (const int64_t bad : {int64_t{-1}, int64_t{7}}) {
    EXPECT_THROW(ops::token_log_probs(random({2, 3}), random({7, 3}), at::tensor({int64_t{1}, bad}, at::kLong)),
                 c10::Error);
  }
}

}  // namespace
}  // namespace zebra
