#include "train/token_loss.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "ops/distillation_kl.h"
#include "train/distill_fixture.h"
#include "train/freeze.h"

namespace zebra {
namespace {

using testing_support::student_config;
using testing_support::teacher_config;
using testing_support::write_model;

class TokenLosses : public testing_support::DistillFolders {
 protected:
  DistillOptions options() const { return DistillFolders::options(text()); }
  std::string weights(const DistillOptions& options) const {
    distill(options, true, false, "");
    return read_file(fs::path(options.out) / "model.safetensors");
  }
  std::string error_of(const DistillOptions& options) const {
    try {
      distill(options, false, true, "");
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::usage) << error.what();
      return error.what();
    }
    return "";
  }
};

TEST_F(TokenLosses, EveryDivergenceTeachesAndIsBitForBitTheSameAgain) {
  std::set<std::string> seen;
  for (const char* divergence : {"kl", "reverse-kl", "jsd", "topk", "sampled"}) {
    DistillOptions run = options();
    run.token.divergence = divergence, run.token.top_k = 5;
    const DistillResult result = distill(run, true, false, "");
    EXPECT_LT(result.report.last_loss, 0.7 * result.report.first_loss) << divergence;
    const std::string first = read_file(fs::path(run.out) / "model.safetensors");
    EXPECT_EQ(first, weights(run)) << divergence;
    seen.insert(first);
  }
  EXPECT_EQ(seen.size(), 5u);
}

TEST_F(TokenLosses, TemperatureAndCrossEntropyCount) {
  DistillOptions run = options();
  run.train.tokens = 128 * 4;
  const std::string plain = weights(run);
  run.token.temperature = 2;
  EXPECT_NE(weights(run), plain);
  run.token.temperature = 1, run.token.ce_weight = 0.5;
  EXPECT_NE(weights(run), plain);
}

// The text's next token by the definition; nothing follows the last of a row.
TEST_F(TokenLosses, CrossEntropyIsOfTheNextToken) {
  const Model teacher = load_model(folder.path / "teacher"), student = load_model(folder.path / "student");
  const at::Tensor ids = at::randint(0, 30, {3, 7}, at::kLong);
  TokenStates states{.ids = ids, .student = student.hidden(ids), .teacher = teacher.hidden(ids)};
  TokenLoss settings;
  const double kl = token_loss(settings, student, teacher, states, 0).item<double>();
  settings.ce_weight = 0.25;
  const double both = token_loss(settings, student, teacher, states, 0).item<double>();
  const at::Tensor log_probs = student.logits(states.student).log_softmax(-1).narrow(1, 0, 6);
  const double entropy = -log_probs.gather(2, ids.narrow(1, 1, 6).unsqueeze(2)).mean().item<double>();
  EXPECT_NEAR(both, kl + 0.25 * entropy, 1e-5);
}

// What is drawn depends on the row's number in the run, not on the pass it comes in.
TEST_F(TokenLosses, DrawsFollowTheRow) {
  const Model teacher = load_model(folder.path / "teacher"), student = load_model(folder.path / "student");
  const at::Tensor ids = at::randint(0, 30, {4, 8}, at::kLong);
  const TokenLoss settings{.divergence = "sampled", .samples_per_token = 3};
  const auto loss = [&](int64_t first, int64_t rows, int64_t number, int64_t seed) {
    const at::Tensor part = ids.narrow(0, first, rows);
    TokenStates states{.ids = part, .student = student.hidden(part), .teacher = teacher.hidden(part), .first = number};
    return token_loss(settings, student, teacher, states, seed).item<double>();
  };
  const double whole = loss(0, 4, 40, 1);
  EXPECT_NEAR(whole, (loss(0, 2, 40, 1) + loss(2, 2, 42, 1)) / 2, 1e-6);
  EXPECT_NE(whole, loss(0, 4, 44, 1));
  EXPECT_NE(whole, loss(0, 4, 40, 2));
}

TEST_F(TokenLosses, ErrorsNameTheSetting) {
  const auto error = [&](const std::function<void(DistillOptions&)>& change) {
    DistillOptions run = options();
    change(run);
    return error_of(run);
  };
  const auto expect = [&](const std::string& words, const std::function<void(DistillOptions&)>& change) {
    const std::string found = error(change);
    EXPECT_NE(found.find(words), std::string::npos) << words << " / " << found;
  };
  expect("divergence: expected kl,", [](auto& run) { run.token.divergence = "kld"; });
  expect("temperature: expected", [](auto& run) { run.token.temperature = 0; });
  expect("jsd_beta: expected", [](auto& run) { run.token.jsd_beta = 1; });
  expect("top_k: expected 1", [](auto& run) { run.token.top_k = 0; });
  expect("top_k: expected fewer than the 30", [](auto& run) { run.token.divergence = "topk"; });
  expect("samples_per_token: expected", [](auto& run) { run.token.samples_per_token = 0; });
  expect("ce_weight: expected", [](auto& run) { run.token.ce_weight = -1; });
  expect("with --loss layers", [](auto& run) { run.loss = "layers", run.token.ce_weight = 1; });
  expect("found \"*.attention.*\", which matches none", [](auto& run) { run.freeze = {"*.mlp.*", "*.attention.*"}; });
  expect("which matches all", [](auto& run) { run.freeze = {"*norm*", "model.*"}; });
}

TEST_F(TokenLosses, FrozenParametersAreTheStudentsBitForBit) {
  for (const char* dtype : {"fp32", "bf16"}) {
    DistillOptions run = options();
    run.freeze = {"model.embed_tokens.weight", "*.mlp.*", "model.layers.0.*norm.weight"};
    run.train.dtype = dtype, run.train.tokens = 128 * 8;
    distill(run, true, false, "");
    Model before = load_model(run.student), after = load_model(run.out);
    const auto frozen = frozen_parameters(before.config(), run.freeze);
    EXPECT_EQ(frozen.count("model.layers.1.mlp.gate_proj.weight"), 1u);
    EXPECT_EQ(frozen.count("model.layers.1.input_layernorm.weight"), 0u);
    std::map<std::string, at::Tensor> old;
    before.parameters([&](const std::string& name, at::Tensor& value) { old[name] = value; });
    after.parameters([&](const std::string& name, at::Tensor& value) {
      EXPECT_EQ(at::equal(old[name], value), frozen.count(name) > 0) << name << " in " << dtype;
    });
  }
}

// A layer of which nothing is trained has no gradient to give.
TEST_F(TokenLosses, LayersCanBeFrozenWhole) {
  DistillOptions run = options();
  run.loss = "layers", run.freeze = {"model.layers.0.*"}, run.train.tokens = 128 * 4;
  EXPECT_EQ(distill(run, true, false, "").report.steps, 4);
  run.out += "_none",
      run.freeze = {"model.layers.*"};  // leaves the embedding, on which no layer's own distance depends
  EXPECT_NE(error_of(run).find("leave something to train"), std::string::npos);
}

TEST_F(TokenLosses, AResumedRunMustShareEverySetting) {
  DistillOptions run = options();
  run.train.lr = run.train.lr_inherited = 1e30, run.train.save_every = 1;  // it soon fails, and leaves its checkpoints
  EXPECT_THROW(distill(run, false, true, ""), Error);
  const auto expect = [&](const std::string& name, const std::function<void(DistillOptions&)>& change) {
    DistillOptions other = run;
    change(other);
    const std::string found = error_of(other);
    EXPECT_NE(found.find("setting " + name + " differs"), std::string::npos) << name << " / " << found;
  };
  expect("divergence", [](auto& run) { run.token.divergence = "jsd"; });
  expect("temperature", [](auto& run) { run.token.temperature = 2; });
  expect("jsd_beta", [](auto& run) { run.token.jsd_beta = 0.25; });
  expect("top_k", [](auto& run) { run.token.top_k = 7; });
  expect("samples_per_token", [](auto& run) { run.token.samples_per_token = 7; });
  expect("ce_weight", [](auto& run) { run.token.ce_weight = 1; });
  expect("freeze", [](auto& run) { run.freeze = {"*.mlp.*"}; });
}

}  // namespace
}  // namespace zebra
