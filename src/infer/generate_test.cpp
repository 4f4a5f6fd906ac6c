// Generation against the plain forward pass, on the tiny checkpoints of tests/golden.
#include "infer/generate.h"

#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include "model/checkpoint.h"

namespace zebra {
namespace {

class GenerateTest : public testing::TestWithParam<const char*> {
 protected:
  Model model_ = load_model(fs::path("tests/golden") / GetParam());
};

TEST_P(GenerateTest, GreedyFollowsTheLikeliestTokenOfTheForwardPass) {
  const std::vector<int64_t> prompt = {1, 17, 40, 5};
  const auto made = generate(model_, prompt, 12, {});
  std::vector<int64_t> all = prompt;
  const c10::InferenceMode inference;
  for (const int64_t id : made) {
    const at::Tensor logits = model_.logits(model_.hidden(at::tensor(all, at::kLong).unsqueeze(0)));
    EXPECT_EQ(id, logits[0][-1].argmax().item<int64_t>()) << "token " << all.size();
    all.push_back(id);
  }
  EXPECT_LE(made.size(), 12u);
}

TEST_P(GenerateTest, StopsWhenTold) {
  int count = 0;
  const auto made = generate(model_, {1, 17}, 50, {.temperature = 1, .seed = 3}, [&](int64_t) { return ++count < 4; });
  EXPECT_LE(made.size(), 4u);
  EXPECT_TRUE(generate(model_, {1, 17}, 0, {}).empty());
  EXPECT_THROW(generate(model_, {}, 5, {}), std::runtime_error);
}

TEST_P(GenerateTest, DrawnRowsDoNotDependOnTheirNumber) {
  at::Tensor hidden;
  const at::Tensor many = sample_sequences(model_, 5, 20, 1, 9, &hidden), few = sample_sequences(model_, 2, 20, 1, 9);
  EXPECT_EQ(many.scalar_type(), at::kInt);
  EXPECT_TRUE(at::equal(many.narrow(0, 0, 2), few));
  EXPECT_TRUE(many.select(1, 0).eq(1).all().item<bool>());
  EXPECT_FALSE(at::equal(few, sample_sequences(model_, 2, 20, 1, 10)));
  const c10::InferenceMode inference;
  const at::Tensor expected = model_.hidden(many.to(at::kLong));
  EXPECT_LT((hidden.to(at::kFloat) - expected).abs().max().item<double>(), 0.05);
}

TEST_P(GenerateTest, DrawsFollowTheModelsDistribution) {
  constexpr int64_t kRows = 4000;
  const at::Tensor second = sample_sequences(model_, kRows, 2, 1, 4).select(1, 1).to(at::kLong);
  const c10::InferenceMode inference;
  const at::Tensor expected = model_.logits(model_.hidden(at::full({1, 1}, 1, at::kLong))).flatten().softmax(-1);
  const at::Tensor found = at::bincount(second, {}, expected.numel()).to(at::kFloat) / kRows;
  EXPECT_LT((found - expected).abs().max().item<double>(), 0.04);
}

INSTANTIATE_TEST_SUITE_P(Models, GenerateTest, testing::Values("llama3-tied", "zebra", "zebra-exact-q"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace zebra
