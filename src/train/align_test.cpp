#include "train/align.h"

#include <gtest/gtest.h>

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/rng.h"
#include "base/text.h"
#include "train/distill_fixture.h"
#include "train/test_models.h"

namespace zebra {
namespace {

using testing_support::student_config;
using testing_support::write_model;

std::string word(Rng& rng, char first, uint64_t kinds) {
  std::string out;
  for (uint64_t i = 0, length = 2 + rng.below(5); i < length; ++i) {
    out += static_cast<char>(first + static_cast<int>(rng.below(kinds)));
  }
  return out;
}

class Align : public testing::Test {
 protected:
  ScratchFolder folder;
  void SetUp() override {
    at::set_num_threads(1);
    write_model(folder.path / "model", student_config(), 2);
    write_preferences("pairs.jsonl", 1, 40);
    write_preferences("held_out.jsonl", 2, 20);
    std::string answers;
    Rng rng(3);
    for (int i = 0; i < 40; ++i) {
      answers += Json{{"prompt", word(rng, 'a', 26)}, {"completion", word(rng, 'a', 4)}}.dump() + "\n";
    }
    folder.put("answers.jsonl", answers);
  }
  // Words of early letters are preferred to words of late ones.
  void write_preferences(const std::string& name, uint64_t seed, int count) const {
    std::string lines;
    Rng rng(seed);
    for (int i = 0; i < count; ++i) {
      Json line;
      line["prompt"] = word(rng, 'a', 26);
      line["chosen"] = word(rng, 'a', 13);
      line["rejected"] = word(rng, 'n', 13);
      lines += line.dump() + "\n";
    }
    folder.put(name, lines);
  }
  AlignOptions options(const std::string& method) const {
    AlignOptions out;
    out.method = method;
    out.model = (folder.path / "model").string();
    out.out = (folder.path / "out").string();
    out.data = {(folder.path / (method == "dpo" ? "pairs.jsonl" : "answers.jsonl")).string()};
    out.batch = 8, out.epochs = 4, out.train.lr = 1e-2;
    return out;
  }
  std::vector<Json> metrics() const {
    std::vector<Json> out;
    for (const auto& line : split(read_file(folder.path / "out.run/metrics.jsonl"), '\n')) {
      out.push_back(parse_json(line, "metrics"));
    }
    return out;
  }
  std::string error_of(const AlignOptions& options, ErrorKind kind) const {
    try {
      align(options, false, true, "");
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind) << error.what();
      EXPECT_FALSE(fs::exists(options.out));
      return error.what();
    }
    return "";
  }
};

TEST_F(Align, AnswersAreLearnt) {
  AlignOptions sft = options("sft");
  sft.eval_data = sft.data;
  const AlignResult result = align(sft, false, true, "zebra align --method sft");
  EXPECT_EQ(result.report.steps, 20);
  EXPECT_LT(result.report.last_loss, 0.7 * result.report.first_loss);
  EXPECT_LT(result.held_out["loss"].get<double>(), result.report.first_loss);
  const fs::path out = sft.out;
  EXPECT_EQ(load_model(out).parameter_count(), result.parameters);
  EXPECT_TRUE(fs::exists(out / "tokenizer.json"));
  const std::string card = read_file(out / "README.md");
  EXPECT_NE(card.find("zebra align --method sft"), std::string::npos);
  EXPECT_NE(card.find("held out: loss"), std::string::npos);
  // Tokens are those of the rows, not of their padding.
  const auto lines = metrics();
  EXPECT_EQ(lines.back()["tokens"].get<int64_t>(), result.report.tokens);
  EXPECT_LT(result.report.tokens, 20 * 8 * 14);
}

TEST_F(Align, PreferencesAreLearnt) {
  AlignOptions dpo = options("dpo");
  dpo.train.lr = 2e-3, dpo.eval_data = {(folder.path / "held_out.jsonl").string()};
  const AlignResult result = align(dpo, false, true, "");
  EXPECT_NEAR(result.report.first_loss, std::log(2.0), 1e-5);
  EXPECT_GT(result.held_out["rewards/accuracies"].get<double>(), 0.8);  // of 20 pairs never seen
  EXPECT_GT(result.held_out["rewards/margins"].get<double>(), 0.1);
  EXPECT_GT(result.held_out["kl"].get<double>(), 0);
  const auto lines = metrics();
  for (const char* key : {"rewards/chosen", "rewards/rejected", "rewards/accuracies", "rewards/margins", "logps/chosen",
                          "logps/rejected", "logits/chosen", "logits/rejected"}) {
    EXPECT_TRUE(lines.front().contains(key)) << key;
  }
  EXPECT_GT(lines.back()["rewards/accuracies"].get<double>(), 0.9);
  EXPECT_NEAR(lines.back()["rewards/margins"].get<double>(),
              lines.back()["rewards/chosen"].get<double>() - lines.back()["rewards/rejected"].get<double>(), 1e-6);
}

TEST_F(Align, AnAnchorKeepsTheModelNearer) {
  AlignOptions free = options("dpo"), anchored = options("dpo");
  free.train.lr = anchored.train.lr = 2e-3;
  free.eval_data = anchored.eval_data = free.data;
  anchored.kl_weight = 5;
  const double loose = align(free, true, false, "").held_out["kl"].get<double>();
  EXPECT_LT(align(anchored, true, false, "").held_out["kl"].get<double>(), 0.7 * loose);
  EXPECT_TRUE(metrics().back().contains("kl"));

  write_model(folder.path / "teacher", testing_support::teacher_config(), 5);
  AlignOptions taught = options("sft");
  taught.teacher = (folder.path / "teacher").string(), taught.kl_weight = 20;
  align(taught, true, false, "");
  const auto lines = metrics();
  EXPECT_LT(lines.back()["kl"].get<double>(), lines.front()["kl"].get<double>());
}

TEST_F(Align, IsBitForBitTheSameAgain) {
  const auto weights = [&](const AlignOptions& options) {
    align(options, true, false, "");
    return read_file(fs::path(options.out) / "model.safetensors");
  };
  AlignOptions other = options("dpo");
  other.micro = 2;
  const std::string first = weights(other);
  EXPECT_EQ(first, weights(other));
  other.train.seed = 1;
  EXPECT_NE(first, weights(other));
}

TEST_F(Align, LowPrecisionLearnsToo) {
  AlignOptions low = options("dpo");
  low.train.dtype = "bf16", low.train.lr = 5e-3, low.eval_data = low.data;
  const AlignResult result = align(low, false, true, "");
  EXPECT_NEAR(result.report.first_loss, std::log(2.0), 1e-2);
  EXPECT_GT(result.held_out["rewards/accuracies"].get<double>(), 0.9);
}

// Chosen and rejected answers exchanged, and examples in another order, are as many tokens as before.
TEST_F(Align, AStoppedRunGoesOnWithTheSameExamplesOnly) {
  for (const std::string method : {"sft", "dpo"}) {
    AlignOptions run = options(method);
    run.train.save_every = 2;
    testing_support::DistillFolders::stop_run(run.out, 4, [&] { align(run, false, true, ""); });
    const fs::path file = run.data.front();
    const std::string before = read_file(file);
    std::vector<std::string> lines = split(before, '\n');
    const auto refused = [&](const std::string& says) {
      write_file(file, join(lines, "\n") + "\n");
      const std::string error = error_of(run, ErrorKind::usage);
      EXPECT_NE(error.find(says + " differs: the saved run read \"40 rows"), std::string::npos) << error;
      lines = split(before, '\n');
    };
    std::reverse(lines.begin(), lines.end());
    refused(method == "dpo" ? "chosen" : "answers");
    if (method == "dpo") {
      for (auto& line : lines) {
        Json json = parse_json(line, "line");
        std::swap(json["chosen"], json["rejected"]);
        line = json.dump();
      }
      refused("chosen");
      Json last = parse_json(lines.back(), "line");
      std::string word = last["rejected"];
      word.front() = word.front() == 'z' ? 'y' : 'z';
      last["rejected"] = word, lines.back() = last.dump();
      refused("rejected");
    }
    write_file(file, before);
    align(run, false, true, "");
    fs::remove_all(run.out);
  }
}

TEST_F(Align, TheTeacherOfAStoppedRunIsTheSame) {
  write_model(folder.path / "teacher", testing_support::teacher_config(), 5);
  AlignOptions run = options("sft");
  run.teacher = (folder.path / "teacher").string(), run.kl_weight = 1, run.train.save_every = 2;
  testing_support::DistillFolders::stop_run(run.out, 4, [&] { align(run, false, true, ""); });
  fs::remove_all(folder.path / "teacher");
  write_model(folder.path / "teacher", testing_support::teacher_config(), 6);
  EXPECT_NE(error_of(run, ErrorKind::usage).find("teacher_weights differs"), std::string::npos);
}

TEST_F(Align, ErrorsSayWhatIsWrong) {
  const auto refused = [&](const std::string& says, const std::function<void(AlignOptions&)>& change) {
    AlignOptions wrong = options("sft");
    change(wrong);
    EXPECT_NE(error_of(wrong, ErrorKind::usage).find(says), std::string::npos) << says;
  };
  refused("--method is missing", [](auto& o) { o.method = ""; });
  refused("expected sft or dpo, found \"ppo\"", [](auto& o) { o.method = "ppo"; });
  refused("--data is missing", [](auto& o) { o.data.clear(); });
  refused("beta", [](auto& o) { o.beta = 0; });
  refused("label_smoothing", [](auto& o) { o.label_smoothing = 0.5; });
  refused("epochs", [](auto& o) { o.epochs = 0; });
  refused("divisor of batch 8, found 3", [](auto& o) { o.micro = 3; });
  refused("context length 64, found 65", [](auto& o) { o.train.length = 65; });
  refused("both or neither", [](auto& o) { o.kl_weight = 1; });
  refused("is for --method sft", [](auto& o) { o.method = "dpo", o.teacher = o.model; });

  write_model(folder.path / "other", student_config(31), 3);
  AlignOptions vocabulary = options("sft");
  vocabulary.teacher = (folder.path / "other").string(), vocabulary.kl_weight = 1;
  EXPECT_NE(error_of(vocabulary, ErrorKind::input).find("found 30"), std::string::npos);
}

}  // namespace
}  // namespace zebra
