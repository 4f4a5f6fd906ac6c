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

TEST_P(GenerateTest, GreedyRowsAreThoseOfOnePromptAtATime) {
  // More than a batch, of all lengths, some twice; each ends by a rule of its own, at an eos or after the last token.
  Rng rng(11);
  std::vector<std::vector<int64_t>> prompts;
  while (prompts.size() < 70) {
    std::vector<int64_t> ids(1 + rng.below(30));
    for (int64_t& id : ids) id = static_cast<int64_t>(rng.below(static_cast<uint64_t>(model_.config().vocab)));
    prompts.push_back(ids);
    if (prompts.size() % 9 == 0) prompts.push_back(ids);
  }
  const auto stops = [](size_t prompt, int64_t id) {
    return prompt % 3 != 0 && static_cast<size_t>(id) % 7 == prompt % 7;
  };
  size_t heard = 0;
  const auto made = generate_greedy(
      model_, prompts, 15, [&](size_t prompt, int64_t id) { return !stops(prompt, id); },
      [&](size_t done) { EXPECT_EQ(done, ++heard); });
  EXPECT_EQ(heard, prompts.size());
  ASSERT_EQ(made.size(), prompts.size());
  size_t full = 0, stopped = 0;
  for (size_t i = 0; i < prompts.size(); ++i) {
    EXPECT_EQ(made[i], generate(model_, prompts[i], 15, {}, [&](int64_t id) { return !stops(i, id); })) << i;
    full += made[i].size() == 15 ? 1 : 0;
    stopped += !made[i].empty() && stops(i, made[i].back()) ? 1 : 0;
  }
  EXPECT_GT(full, 5u);
  EXPECT_GT(stopped, 5u);
  EXPECT_EQ(generate_greedy(model_, prompts, 0), std::vector<std::vector<int64_t>>(prompts.size()));
  EXPECT_THROW(generate_greedy(model_, {{1}, {}}, 5), std::runtime_error);
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
