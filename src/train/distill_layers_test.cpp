#include "train/distill_layers.h"

#include <gtest/gtest.h>

#include <sstream>

#include "base/error.h"
#include "train/checkpoint.h"
#include "train/distill_fixture.h"

namespace zebra {
namespace {

using testing_support::student_config;
using testing_support::teacher_config;
using testing_support::write_model;

// Weights, and every step's figures but the speed.
std::pair<std::string, std::string> result_of(const fs::path& out) {
  std::istringstream lines(read_file(run_folder(out) / "metrics.jsonl"));
  std::string figures;
  for (std::string line; std::getline(lines, line);) {
    Json json = Json::parse(line);
    json.erase("tokens_per_second");
    figures += json.dump() + "\n";
  }
  return {read_file(out / "model.safetensors"), figures};
}

class DistillLayers : public testing_support::DistillFolders {
 protected:
  void SetUp() override {
    DistillFolders::SetUp();
    ModelConfig mamba2 = student_config(), mla = student_config(), mixed = student_config();
    mamba2.mixers[1] = mamba2.mixers[0];
    mla.mixers[0] = mla.mixers[1];
    mixed.mixers[1] = teacher_config().mixers[1];
    write_model(folder.path / "mamba2", mamba2, 3);
    write_model(folder.path / "mla", mla, 4);
    write_model(folder.path / "mixed", mixed, 5);
  }
  std::string place(const std::string& name) const { return (folder.path / name).string(); }
  // The results are called PREFIX + the student's name.
  DistillOptions of(const std::vector<std::string>& students, const std::string& prefix) const {
    DistillOptions run = options(text());
    run.loss = "layers", run.layer.match = "both", run.freeze = {"model.layers.0.mlp.*"};
    run.train.tokens = 128 * 8, run.train.micro_tokens = 64, run.train.save_every = 1;
    run.student = run.out = "";
    for (const auto& name : students) {
      const std::string comma = run.out.empty() ? "" : ",";
      run.student += comma + place(name), run.out += comma + place(prefix + name);
    }
    return run;
  }
  static std::vector<DistillResult> go(const DistillOptions& options) {
    return distill_layers(each_student(options), false, true, "zebra distill");
  }
  std::string error_of(const DistillOptions& options) const {
    try {
      go(options);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::usage) << error.what();
      return error.what();
    }
    return "";
  }
  const std::vector<std::string> names = {"mla", "mamba2", "mixed"};
};

TEST_F(DistillLayers, HowTokensMixIsLearnt) {
  DistillOptions run = of({"mla", "mamba2"}, "mixing_");
  run.layer.match = "matrix", run.layer.distance = "cosine", run.train.tokens = 128 * 30;
  run.train.schedule.warmup = 0;
  for (const DistillResult& result : go(run)) EXPECT_LT(result.report.last_loss, 0.96 * result.report.first_loss);
}

TEST_F(DistillLayers, TogetherIsTheSameAsAlone) {
  for (const std::string dtype : {"fp32", "bf16"}) {
    DistillOptions together = of(names, dtype + "-together-");
    together.train.dtype = dtype;
    const auto results = go(together);
    ASSERT_EQ(results.size(), names.size());
    for (size_t i = 0; i < names.size(); ++i) {
      DistillOptions alone = of({names[i]}, dtype + "-alone-");
      alone.train.dtype = dtype;
      const DistillResult result = distill(alone, false, true, "zebra distill");
      EXPECT_EQ(result.report.last_loss, results[i].report.last_loss);
      EXPECT_LT(result.report.last_loss, 0.96 * result.report.first_loss);
      EXPECT_EQ(result_of(alone.out), result_of(place(dtype + "-together-" + names[i]))) << dtype << names[i];
    }
  }
}

TEST_F(DistillLayers, ResumesExactly) {
  go(of(names, "straight-"));
  const auto check = [&](const std::string& prefix) {
    for (const auto& name : names) {
      EXPECT_EQ(result_of(place("straight-" + name)), result_of(place(prefix + name))) << prefix << name;
      EXPECT_FALSE(fs::exists(run_folder(place(prefix + name)) / "checkpoints"));
    }
  };
  for (const int64_t step : {1, 3, 5}) {
    const std::string prefix = cat("stopped", step, "-");
    stop_run(place(prefix + "mla"), step, [&] { go(of(names, prefix)); });
    if (step == 3) {  // as if killed between the checkpoints of one step: one student is behind
      const fs::path run = run_folder(place(prefix + "mamba2"));
      fs::remove_all(*latest_run(run));
      ASSERT_TRUE(latest_run(run));
    }
    if (step == 5) fs::remove_all(run_folder(place(prefix + "mixed")));  // and one begins anew
    go(of(names, prefix));
    check(prefix);
  }
  // Each is a run of its own.
  stop_run(place("apart-mla"), 2, [&] { go(of(names, "apart-")); });
  for (const auto& name : names) distill(of({name}, "apart-"), false, true, "");
  check("apart-");
}

TEST_F(DistillLayers, RefusesWhatDoesNotGoTogether) {
  DistillOptions kl = of(names, "out-");
  kl.loss = "kl", kl.freeze = {};
  EXPECT_NE(error_of(kl).find("student: expected one folder with --loss kl, found 3"), std::string::npos);
  DistillOptions few = of(names, "out-");
  few.out = place("out");
  EXPECT_NE(error_of(few).find("out: expected a folder for each of 3 students, found 1"), std::string::npos);
  DistillOptions twice = of({"mla", "mamba2"}, "out-");
  twice.out = place("x") + "," + place("x");
  EXPECT_NE(error_of(twice).find("twice"), std::string::npos);
  DistillOptions there = of(names, "out-");
  fs::create_directories(place("out-mixed"));
  EXPECT_NE(error_of(there).find("out-mixed exists already"), std::string::npos);
  fs::remove(place("out-mixed"));

  ModelConfig shorter = student_config();
  shorter.max_position = 32;
  write_model(place("shorter"), shorter, 6);
  DistillOptions unlike = of({"mla", "shorter"}, "out-");
  unlike.train.length = 0;
  EXPECT_NE(error_of(unlike).find("length: students of one run need the same, found 64"), std::string::npos);
  EXPECT_FALSE(fs::exists(run_folder(place("out-mla"))));
}

}  // namespace
}  // namespace zebra
