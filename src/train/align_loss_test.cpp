#include "train/align_loss.h"

#include <gtest/gtest.h>

#include <ATen/Parallel.h>

#include <cmath>

#include "support/gradcheck.h"
#include "train/dpo_loss.h"
#include "train/test_models.h"

namespace zebra {
namespace {

using testing_support::student_config;

double log_sigmoid(double x) {
  return -std::log1p(std::exp(-x));
}

TEST(DpoLoss, IsTheFormula) {
  const double beta = 0.3, smoothing = 0.1;
  const double p[] = {-12.5, -3.25}, q[] = {-11, -7}, rp[] = {-13, -3}, rq[] = {-10, -6.5};
  const PairLogProbs policy{at::tensor({p[0], p[1]}, at::kDouble), at::tensor({q[0], q[1]}, at::kDouble)};
  const PairLogProbs reference{at::tensor({rp[0], rp[1]}, at::kDouble), at::tensor({rq[0], rq[1]}, at::kDouble)};
  const DpoTerms terms = dpo_loss(policy, reference, beta, smoothing);
  for (int64_t i = 0; i < 2; ++i) {
    const double margin = beta * ((p[i] - rp[i]) - (q[i] - rq[i]));
    EXPECT_NEAR(terms.loss[i].item<double>(), -(1 - smoothing) * log_sigmoid(margin) - smoothing * log_sigmoid(-margin),
                1e-12);
    EXPECT_NEAR(terms.chosen_rewards[i].item<double>(), beta * (p[i] - rp[i]), 1e-12);
    EXPECT_NEAR(terms.rejected_rewards[i].item<double>(), beta * (q[i] - rq[i]), 1e-12);
  }
}

TEST(DpoLoss, HasTheGradientOfItsValue) {
  const PairLogProbs reference{at::randn({4}, at::kDouble), at::randn({4}, at::kDouble)};
  for (const double smoothing : {0.0, 0.2}) {
    testing::gradcheck(
        [&](const auto& in) { return std::vector{dpo_loss({in[0], in[1]}, reference, 0.5, smoothing).loss}; },
        {at::randn({4}, at::kDouble), at::randn({4}, at::kDouble)});
  }
}

TEST(DpoLoss, OfTheReferenceItselfIsLogTwo) {
  const PairLogProbs same{at::randn({3}, at::kDouble), at::randn({3}, at::kDouble)};
  EXPECT_TRUE(at::allclose(dpo_loss(same, same, 0.1).loss, at::full({3}, std::log(2.0), at::kDouble)));
}

AnswerRow row(const std::vector<int32_t>& prompt, const std::vector<int32_t>& answer) {
  AnswerRow out{prompt, std::vector<char>(prompt.size(), 0)};
  out.ids.insert(out.ids.end(), answer.begin(), answer.end());
  out.counted.resize(out.ids.size(), 1);
  return out;
}

std::vector<Example> pairs() {
  return {{row({0, 5, 6, 7}, {8, 9, 1}), row({0, 5, 6, 7}, {10, 1})},
          {row({0, 11}, {12, 13, 14, 15, 1}), row({0, 11}, {16, 1})},
          {row({0, 20, 21}, {22, 1}), row({0, 20, 21}, {23, 24, 25, 1})},
          {row({0, 3}, {4, 1}), row({0, 3}, {5, 6, 1})}};
}

struct Models {
  Model model{student_config()}, fixed{student_config()};
  Models() {
    at::set_num_threads(1);
    initialise_random(model, 1, 0.2);
    initialise_random(fixed, 2, 0.2);
    fixed.require_grad(false);
  }
};

// log p of one row's answer, from the plain logits of that row alone.
double plain_log_prob(const Model& model, const AnswerRow& row) {
  c10::NoGradGuard no_grad;
  const std::vector<int64_t> ids(row.ids.begin(), row.ids.end());
  const at::Tensor each = model.logits(model.hidden(at::tensor(ids, at::kLong).unsqueeze(0)))[0].log_softmax(-1);
  double sum = 0;
  for (size_t t = 1; t < ids.size(); ++t) {
    if (row.counted[t]) sum += each[static_cast<int64_t>(t) - 1][ids[t]].item<double>();
  }
  return sum;
}

// The sum over one row's answer of the mean logit that predicts each token, from all logits.
double plain_logit_sum(const Model& model, const AnswerRow& row) {
  c10::NoGradGuard no_grad;
  const std::vector<int64_t> ids(row.ids.begin(), row.ids.end());
  const at::Tensor logits = model.logits(model.hidden(at::tensor(ids, at::kLong).unsqueeze(0)))[0];
  double sum = 0;
  for (size_t t = 1; t < ids.size(); ++t) {
    if (row.counted[t]) sum += logits[static_cast<int64_t>(t) - 1].mean().item<double>();
  }
  return sum;
}

TEST(AlignLoss, SftIsTheMeanOverTheAnswersTokens) {
  Models of;
  std::vector<Example> examples;
  std::vector<const Example*> all;
  for (const auto& pair : pairs()) examples.push_back({pair[0]});
  double sum = 0, tokens = 0;
  for (const auto& example : examples) {
    all.push_back(&example);
    sum -= plain_log_prob(of.model, example[0]), tokens += static_cast<double>(example[0].counted_tokens());
  }
  const AlignLoss loss = align_loss(of.model, nullptr, make_batch(all, at::kCPU), {.method = "sft"});
  EXPECT_NEAR(loss.tokens.item<double>(), sum / tokens, 1e-5);
  EXPECT_FALSE(loss.pairs.defined());
}

TEST(AlignLoss, DpoComparesWholeAnswers) {
  Models of;
  const auto examples = pairs();
  std::vector<const Example*> all;
  double sum = 0, right = 0, logits[2] = {0, 0}, tokens[2] = {0, 0};
  for (const auto& pair : examples) {
    all.push_back(&pair);
    for (const size_t i : {0u, 1u}) {
      logits[i] += plain_logit_sum(of.model, pair[i]), tokens[i] += static_cast<double>(pair[i].counted_tokens());
    }
    const double chosen = plain_log_prob(of.model, pair[0]) - plain_log_prob(of.fixed, pair[0]);
    const double rejected = plain_log_prob(of.model, pair[1]) - plain_log_prob(of.fixed, pair[1]);
    sum -= log_sigmoid(0.1 * (chosen - rejected)), right += chosen > rejected;
  }
  const AlignLoss loss = align_loss(of.model, &of.fixed, make_batch(all, at::kCPU), {.method = "dpo"});
  EXPECT_NEAR(loss.pairs.item<double>(), sum / 4, 1e-5);
  EXPECT_NEAR(loss.pair_figures.at("rewards/accuracies"), right / 4, 1e-9);
  StepFigures figures;
  figures.add(loss, 1, 1);
  const Json whole = figures.take();
  EXPECT_NEAR(whole["logits/chosen"].get<double>(), logits[0] / tokens[0], 1e-5);
  EXPECT_NEAR(whole["logits/rejected"].get<double>(), logits[1] / tokens[1], 1e-5);
  // Answers of unlike lengths in passes of their own: the step's tokens count the same.
  for (size_t first = 0; first < 4; ++first) {
    figures.add(align_loss(of.model, &of.fixed, make_batch({&examples[first]}, at::kCPU), {.method = "dpo"}), 0.25, 1);
  }
  const Json parts = figures.take();
  for (const char* name : {"logits/chosen", "logits/rejected", "logps/chosen"}) {
    EXPECT_NEAR(parts[name].get<double>(), whole[name].get<double>(), 1e-5) << name;
  }
  const AlignLoss start = align_loss(of.model, &of.model, make_batch(all, at::kCPU), {.method = "dpo"});
  EXPECT_NEAR(start.pairs.item<double>(), std::log(2.0), 1e-6);
}

// What stands behind a row (padding) or counts for nothing (the next token of a prompt) has no influence.
TEST(AlignLoss, PaddingHasNoInfluence) {
  Models of;
  const auto examples = pairs();
  AnswerBatch batch = make_batch({&examples[0], &examples[1], &examples[2]}, at::kCPU);
  const AlignLossSettings settings{.method = "dpo", .kl_weight = 0.5};
  const auto value = [&] {
    const AlignLoss loss = align_loss(of.model, &of.fixed, batch, settings);
    return loss.pairs.item<double>() + loss.tokens.item<double>();
  };
  const double before = value();
  std::vector<const AnswerRow*> rows;
  for (size_t which : {0, 1}) {
    for (size_t i = 0; i < 3; ++i) rows.push_back(&examples[i][which]);
  }
  for (size_t r = 0; r < rows.size(); ++r) {
    batch.ids[static_cast<int64_t>(r)].narrow(0, rows[r]->length(), batch.ids.size(1) - rows[r]->length()).fill_(29);
  }
  EXPECT_EQ(value(), before);
}

std::map<std::string, at::Tensor> gradients(Model& model, AnswerRows& rows, const Model* fixed, int64_t pass,
                                            const AlignLossSettings& settings) {
  std::map<std::string, at::Tensor> out;
  model.parameters(
      [&](const std::string&, at::Tensor& value) { value = value.detach().clone().set_requires_grad(true); });
  for (int64_t first = 0; first < 4; first += pass) {
    const AlignLoss loss = align_loss(model, fixed, rows.batch(first, pass), settings);
    at::Tensor sum;
    if (loss.tokens.defined()) sum = loss.tokens * rows.share(first, pass);
    if (loss.pairs.defined()) sum = sum.defined() ? sum + loss.pairs : loss.pairs;
    (sum * (static_cast<double>(pass) / 4)).backward();
  }
  model.parameters([&](const std::string& name, at::Tensor& value) { out[name] = value.grad().clone(); });
  return out;
}

TEST(AlignLoss, SmallPassesAreOneBigBatch) {
  Models of;
  for (const char* method : {"sft", "dpo"}) {
    std::vector<Example> examples = pairs();
    if (std::string(method) == "sft") {
      for (auto& example : examples) example.resize(1);
    }
    AnswerRows rows(examples, 3, 4, at::kCPU);
    const AlignLossSettings settings{.method = method, .kl_weight = 0.3};
    const auto whole = gradients(of.model, rows, &of.fixed, 4, settings);
    for (const int64_t pass : {1, 2}) {
      for (const auto& [name, value] : gradients(of.model, rows, &of.fixed, pass, settings)) {
        EXPECT_TRUE(at::allclose(value, whole.at(name), 1e-4, 1e-6)) << method << " " << name;
      }
    }
  }
}

TEST(AlignLoss, HeldOutFiguresAreThoseOfOneBatch) {
  Models of;
  const AlignLossSettings settings{.method = "dpo"};
  const Json whole = evaluate_examples(of.model, &of.fixed, pairs(), 4, settings);
  const Json parts = evaluate_examples(of.model, &of.fixed, pairs(), 3, settings);
  for (const char* key :
       {"loss", "kl", "rewards/chosen", "rewards/margins", "rewards/accuracies", "logps/rejected", "logits/chosen"}) {
    EXPECT_NEAR(whole[key].get<double>(), parts[key].get<double>(), 1e-5) << key;
  }
  EXPECT_GT(whole["kl"].get<double>(), 0);
}

}  // namespace
}  // namespace zebra
