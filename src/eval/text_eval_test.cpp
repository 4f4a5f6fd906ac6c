// Perplexity, KL and agreement against sums made token by token in double.
#include "eval/text_eval.h"

#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/rng.h"
#include "model/checkpoint.h"

namespace zebra {
namespace {

std::vector<std::vector<int64_t>> documents() {
  Rng rng(3);
  std::vector<std::vector<int64_t>> all;
  for (const int length : {9, 1, 30, 4, 12, 2, 25, 40}) {
    std::vector<int64_t> ids = {1};
    while (static_cast<int>(ids.size()) < length) ids.push_back(static_cast<int64_t>(rng.below(64)));
    all.push_back(ids);
  }
  return all;
}

TEST(TextEval, EqualsSumsTokenByToken) {
  const Model model = load_model("tests/golden/zebra"), teacher = load_model("tests/golden/llama3-tied");
  const TextEvalOptions options{.min_length = 4, .max_length = 28, .limit = 5, .batch_tokens = 40};
  const TextEvalResult result = evaluate_text(model, &teacher, documents(), options);

  const c10::InferenceMode inference;
  double loss = 0, teacher_loss = 0, kl = 0, agreed = 0;
  int64_t tokens = 0, used = 0;
  for (auto ids : documents()) {
    if (ids.size() < 4 || used == 5) continue;
    ++used;
    if (ids.size() > 28) ids.resize(28);
    const at::Tensor input = at::tensor(ids, at::kLong).unsqueeze(0);
    const at::Tensor own = model.logits(model.hidden(input))[0].to(at::kDouble).log_softmax(-1);
    const at::Tensor truth = teacher.logits(teacher.hidden(input))[0].to(at::kDouble).log_softmax(-1);
    for (size_t t = 0; t + 1 < ids.size(); ++t, ++tokens) {
      const auto i = static_cast<int64_t>(t);
      loss -= own[i][ids[t + 1]].item<double>();
      teacher_loss -= truth[i][ids[t + 1]].item<double>();
      kl += (truth[i].exp() * (truth[i] - own[i])).sum().item<double>();
      agreed += own[i].argmax().item<int64_t>() == truth[i].argmax().item<int64_t>() ? 1 : 0;
    }
  }
  const auto n = static_cast<double>(tokens);
  EXPECT_EQ(result.tokens, tokens);
  EXPECT_EQ(result.documents, 5);
  EXPECT_NEAR(result.loss, loss / n, 1e-6);
  EXPECT_NEAR(result.ppl, std::exp(loss / n), 1e-4);
  EXPECT_NEAR(*result.teacher_ppl, std::exp(teacher_loss / n), 1e-4);
  EXPECT_NEAR(*result.kl, kl / n, 1e-6);
  EXPECT_EQ(*result.agreement, agreed / n);
}

TEST(TextEval, AModelIsItsOwnTeacher) {
  const Model model = load_model("tests/golden/qwen2");
  const TextEvalResult result = evaluate_text(model, &model, documents(), {});
  EXPECT_EQ(*result.kl, 0);
  EXPECT_EQ(*result.agreement, 1);
  EXPECT_EQ(*result.teacher_ppl, result.ppl);
  EXPECT_FALSE(evaluate_text(model, nullptr, documents(), {}).kl.has_value());
}

TEST(TextEval, NothingToMeasureIsAnError) {
  const Model model = load_model("tests/golden/qwen2");
  EXPECT_THROW(evaluate_text(model, nullptr, documents(), {.min_length = 100}), std::runtime_error);
  EXPECT_THROW(evaluate_text(model, nullptr, documents(), {.max_length = 1}), std::runtime_error);
}

// Padding and the company of other documents change nothing.
TEST(TextEval, BatchesDoNotMatter) {
  const Model model = load_model("tests/golden/qwen3");
  const TextEvalResult once = evaluate_text(model, nullptr, documents(), {.batch_tokens = 1});
  const TextEvalResult together = evaluate_text(model, nullptr, documents(), {.batch_tokens = 100000});
  EXPECT_NEAR(once.loss, together.loss, 1e-6);
}

}  // namespace
}  // namespace zebra
