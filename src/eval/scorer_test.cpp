// Log-likelihoods against sums made pair by pair; shared beginnings against none; windows.
#include "eval/scorer.h"

#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/rng.h"
#include "model/checkpoint.h"

namespace zebra {
namespace {

using Ids = std::vector<int64_t>;

Ids random_ids(Rng& rng, size_t count) {
  Ids ids;
  while (ids.size() < count) ids.push_back(static_cast<int64_t>(rng.below(64)));
  return ids;
}

// Questions of several choices, some the same, some that begin another, few-shot beginnings, and texts alone.
std::vector<TaskTokens::Pair> pairs() {
  Rng rng(5);
  std::vector<TaskTokens::Pair> out;
  const Ids common = random_ids(rng, 20);
  for (int question = 0; question < 6; ++question) {
    Ids context = question % 2 == 0 ? common : random_ids(rng, 30);
    const Ids more = random_ids(rng, 3 + rng.below(12));
    context.insert(context.end(), more.begin(), more.end());
    for (int choice = 0; choice < 4; ++choice) out.push_back({context, random_ids(rng, 1 + rng.below(6))});
    out.push_back(out.back());
    Ids longer = out.back().continuation;
    longer.push_back(7);
    out.push_back({context, longer});
  }
  for (int text = 0; text < 3; ++text) out.push_back({{1}, random_ids(rng, 40)});
  out.push_back({random_ids(rng, 90), random_ids(rng, 5)});  // longer than the context
  return out;
}

class EveryModel : public testing::TestWithParam<const char*> {};

TEST_P(EveryModel, EqualsSumsPairByPair) {
  const Model model = load_model(std::string("tests/golden/") + GetParam());
  const auto all = pairs();
  for (const bool share : {false, true}) {
    const std::vector<Score> scores = score(model, all, {.max_length = 64, .batch_tokens = 500, .share = share});
    const c10::InferenceMode inference;
    for (size_t p = 0; p < all.size(); ++p) {
      Ids input = all[p].context;
      input.insert(input.end(), all[p].continuation.begin(), all[p].continuation.end());
      if (input.size() > 65) input.erase(input.begin(), input.end() - 65);
      input.pop_back();
      const at::Tensor logits = model.logits(model.hidden(at::tensor(input, at::kLong).unsqueeze(0)))[0];
      const at::Tensor log_p = logits.to(at::kDouble).log_softmax(-1);
      double sum = 0;
      bool greedy = true;
      for (size_t i = 0; i < all[p].continuation.size(); ++i) {
        const auto at = static_cast<int64_t>(input.size() - all[p].continuation.size() + i);
        sum += log_p[at][all[p].continuation[i]].item<double>();
        greedy = greedy && log_p[at].argmax().item<int64_t>() == all[p].continuation[i];
      }
      EXPECT_NEAR(scores[p].log_likelihood, sum, 1e-4) << p << " shared " << share;
      EXPECT_EQ(scores[p].greedy, greedy) << p;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Goldens, EveryModel,
                         testing::Values("llama3-tied", "qwen3", "mistral-window-yarn", "zebra", "zebra-switches"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(Scorer, EqualPairsHaveEqualScores) {
  const Model model = load_model("tests/golden/llama3-tied");
  const auto all = pairs();
  const std::vector<Score> scores = score(model, all, {.max_length = 64, .batch_tokens = 100});
  for (size_t p = 4; p < 36; p += 6) EXPECT_EQ(scores[p].log_likelihood, scores[p - 1].log_likelihood);
}

TEST(RollingWindows, CoverEveryTokenOnce) {
  Ids ids;
  for (int64_t i = 0; i < 25; ++i) ids.push_back(i);
  const auto windows = rolling_windows(ids, 99, 10);
  ASSERT_EQ(windows.size(), 3u);
  EXPECT_EQ(windows[0].context, Ids{99});
  EXPECT_EQ(windows[1].context, Ids{9});
  EXPECT_EQ(windows[2].context, (Ids{14, 15, 16, 17, 18, 19}));
  EXPECT_EQ(windows[2].continuation, (Ids{20, 21, 22, 23, 24}));
  EXPECT_TRUE(rolling_windows({}, 99, 10).empty());
}

}  // namespace
}  // namespace zebra
