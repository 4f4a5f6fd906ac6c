#include "train/checkpoint.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <functional>
#include <limits>

#include "base/error.h"
#include "base/rng.h"
#include "io/safetensors.h"
#include "io/sealed_json.h"
#include "support/scratch.h"

namespace zebra {
namespace {

std::optional<int64_t> resume_as(const fs::path& run, RunState now, int64_t steps, Optimizer& optimizer) {
  return resume_run(run, now, steps, optimizer);
}

struct Toy {
  at::Tensor a, b;
  explicit Toy(double value, std::vector<int64_t> shape = {2, 3})
      : a(at::full(shape, value, at::kFloat)), b(at::full({4}, value, at::kFloat)) {}
  Optimizer optimizer(MatrixStep matrices = MatrixStep::adamw) {
    return Optimizer([this](const ParameterVisitor& visit) { visit({"a"}, a), visit({"b", Role::bias}, b); },
                     [](const std::string& name) { return name == "a"; }, {.matrices = matrices});
  }
  void step(Optimizer& optimizer) {
    optimizer.zero_grad();
    ((a * a).sum() + b.sum()).backward();
    optimizer.step(1, 1);
  }
};

std::string error_of(const std::function<void()>& call, ErrorKind kind) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    return error.what();
  }
  return "";
}

TEST(RunCheckpoint, ReadsWhatWasWritten) {
  for (const MatrixStep matrices : {MatrixStep::adamw, MatrixStep::muon, MatrixStep::soap}) {
    const ScratchFolder run;
    Toy first(0.7), second(0.1);
    Optimizer a = first.optimizer(matrices), b = second.optimizer(matrices);
    for (int step = 0; step < 13; ++step) first.step(a);
    save_run(run.path, {.step = 13, .settings = {{"lr", 0.1}}}, a);
    EXPECT_EQ(resume_as(run.path, {.settings = {{"lr", 0.1}}}, 13, b), 13);
    EXPECT_EQ(b.updates(), 13);
    for (int step = 0; step < 12; ++step) first.step(a), second.step(b);
    EXPECT_TRUE(at::equal(first.a, second.a));
    EXPECT_TRUE(at::equal(first.b, second.b));
  }
}

TEST(RunCheckpoint, KeepsTheLastTwoAndSkipsUnfinishedOnes) {
  const ScratchFolder run;
  Toy toy(1);
  Optimizer optimizer = toy.optimizer();
  EXPECT_FALSE(latest_run(run.path));
  for (const int64_t step : {9, 10, 100}) save_run(run.path, {.step = step}, optimizer);
  int64_t count = 0;
  for (const auto& entry : fs::directory_iterator(run.path / "checkpoints")) count += entry.is_directory();
  EXPECT_EQ(count, 2);
  EXPECT_EQ(latest_run(run.path)->filename(), "step-0000000100");
  fs::create_directories(run.path / "checkpoints" / "step-0000000200.building-1");  // a killed process left it
  EXPECT_EQ(latest_run(run.path)->filename(), "step-0000000100");
  remove_checkpoints(run.path);
  EXPECT_FALSE(latest_run(run.path));
}

TEST(RunCheckpoint, NamesTheSettingThatDiffers) {
  const ScratchFolder run;
  Toy toy(1);
  Optimizer optimizer = toy.optimizer();
  toy.step(optimizer);
  save_run(run.path, {.step = 1, .settings = {{"seed", 3}, {"lr", 0.5}}}, optimizer);
  const auto load = [&](Json settings) {
    return error_of([&] { resume_as(run.path, {.settings = settings}, 1, optimizer); }, ErrorKind::usage);
  };
  EXPECT_EQ(load({{"seed", 3}, {"lr", 0.5}}), "");
  // What one of the two programs does not know is off there.
  EXPECT_EQ(load({{"seed", 3}, {"lr", 0.5}, {"held_out", 0}, {"words", Json::array()}, {"name", ""}, {"on", false}}),
            "");
  EXPECT_NE(load({{"seed", 3}, {"lr", 0.5}, {"held_out", 8}}).find("saved run has none, this one 8"),
            std::string::npos);
  EXPECT_NE(load({{"seed", 3}}).find("setting lr differs"), std::string::npos);
  const std::string differs = load({{"seed", 4}, {"lr", 0.5}});
  EXPECT_NE(differs.find("setting seed differs"), std::string::npos) << differs;
  EXPECT_NE(differs.find("has 3, this one 4"), std::string::npos) << differs;
  EXPECT_NE(load({{"warmup", 1}}).find("setting warmup differs"), std::string::npos);
}

TEST(RunCheckpoint, NamesWhatWasReadAndDiffers) {
  const ScratchFolder run;
  Toy toy(1);
  Optimizer optimizer = toy.optimizer();
  toy.step(optimizer);
  save_run(run.path, {.step = 1, .content = {{"text", "3 tokens, crc32c 7"}, {"teacher_weights", 5}}}, optimizer);
  const auto load = [&](Json content) {
    return error_of([&] { resume_as(run.path, {.content = content}, 1, optimizer); }, ErrorKind::usage);
  };
  EXPECT_EQ(load({{"text", "3 tokens, crc32c 7"}, {"teacher_weights", 5}}), "");
  const std::string other = load({{"text", "3 tokens, crc32c 7"}, {"teacher_weights", 6}});
  EXPECT_NE(other.find("state.json: teacher_weights differs: the saved run read 5, this one 6"), std::string::npos)
      << other;
  EXPECT_NE(load({{"text", "3 tokens, crc32c 7"}}).find("teacher_weights differs"), std::string::npos);
  EXPECT_NE(load({{"text", "3 tokens, crc32c 7"}, {"teacher_weights", 5}, {"more", 0}}).find("more differs"),
            std::string::npos);
}

TEST(RunCheckpoint, NamesTheTensorThatDoesNotFit) {
  const ScratchFolder run;
  Toy toy(1), other(1, {3, 3});
  Optimizer optimizer = toy.optimizer(), wrong = other.optimizer();
  toy.step(optimizer);
  save_run(run.path, {.step = 1}, optimizer);
  const auto error = [&] { return error_of([&] { resume_as(run.path, {}, 1, wrong); }, ErrorKind::input); };
  EXPECT_NE(error().find("weights.safetensors: tensor a: expected F32 [3, 3], found F32 [2, 3]"), std::string::npos);
  fs::resize_file(*latest_run(run.path) / "weights.safetensors", 40);
  EXPECT_NE(error(), "");
}

std::string changed(const std::string& content, size_t bit) {
  std::string out = content;
  out[bit / 8] = static_cast<char>(out[bit / 8] ^ (1 << bit % 8));
  return out;
}

// A run saved after steps 1 and 2, and what became of its optimizer.
struct TwoSaved {
  const ScratchFolder run;
  Toy toy{0.7};
  Optimizer optimizer = toy.optimizer(MatrixStep::soap);
  at::Tensor first;

  TwoSaved() {
    for (const int64_t step : {1, 2}) {
      toy.step(optimizer);
      if (step == 1) first = toy.a.detach().clone();
      save_run(run.path, {.step = step, .settings = {{"lr", 0.1}}}, optimizer);
    }
  }
  fs::path checkpoint(int64_t step) const { return run.path / "checkpoints" / cat("step-000000000", step); }
  std::vector<std::string> files() const {
    std::vector<std::string> out;
    for (const auto& entry : fs::directory_iterator(checkpoint(2))) out.push_back(entry.path().filename().string());
    return out;
  }
  // What a new process says, and the step that it goes on from.
  std::optional<int64_t> resume(std::string* said = nullptr) {
    Toy fresh(0.1);
    Optimizer other = fresh.optimizer(MatrixStep::soap);
    testing::internal::CaptureStderr();
    std::optional<int64_t> step;
    try {
      step = resume_as(run.path, {.settings = {{"lr", 0.1}}}, 10, other);
    } catch (...) {
      testing::internal::GetCapturedStderr();
      throw;
    }
    const std::string text = testing::internal::GetCapturedStderr();
    if (said) *said = text;
    EXPECT_EQ(other.updates(), step.value_or(0));
    EXPECT_TRUE(at::equal(fresh.a.detach(), *step == 1 ? first : toy.a.detach()));
    return step;
  }
};

TEST(RunCheckpoint, EveryChangedBitMovesTheRunToTheOneBefore) {
  TwoSaved saved;
  const auto files = saved.files();
  EXPECT_EQ(files.size(), 5u);
  Rng rng(static_cast<uint64_t>(testing::UnitTest::GetInstance()->random_seed()));  // of --gtest_random_seed
  for (int i = 0; i < 40; ++i) {
    const fs::path path = saved.checkpoint(2) / files[rng.below(files.size())];
    const std::string whole = read_file(path);
    write_file(path, changed(whole, rng.below(8 * whole.size())));
    std::string said;
    EXPECT_EQ(saved.resume(&said), 1) << path << said;
    EXPECT_NE(said.find(path.filename().string()), std::string::npos) << said;
    EXPECT_NE(said.find("the run goes on from the checkpoint before"), std::string::npos) << said;
    write_file(path, whole);
  }
  EXPECT_EQ(saved.resume(), 2);
}

TEST(RunCheckpoint, ShortAndMissingFilesToo) {
  TwoSaved saved;
  for (const std::string& name : saved.files()) {
    const fs::path path = saved.checkpoint(2) / name;
    const std::string whole = read_file(path);
    for (const size_t size : {size_t{0}, whole.size() / 2, whole.size() - 1}) {
      write_file(path, whole.substr(0, size));
      // A newline at the end of JSON says nothing.
      EXPECT_EQ(saved.resume(), name == "state.json" && size == whole.size() - 1 ? 2 : 1) << name << " " << size;
    }
    fs::remove(path);
    EXPECT_EQ(saved.resume(), 1) << name;
    write_file(path, whole);
  }
  for (const int64_t step : {1, 2}) fs::remove(saved.checkpoint(step) / "m.safetensors");
  const std::string error = error_of([&] { saved.resume(); }, ErrorKind::input);
  EXPECT_NE(error.find("step-0000000002/m.safetensors"), std::string::npos) << error;
  EXPECT_NE(error.find("of 2 checkpoints none can be read; start anew with --resume never"), std::string::npos)
      << error;
}

// A damaged one is not kept instead of a sound one, and is left until there is another.
TEST(RunCheckpoint, DamagedOnesGoWhenTheRunIsSavedAgain) {
  TwoSaved saved;
  write_file(saved.checkpoint(2) / "v.safetensors", "");
  EXPECT_EQ(saved.resume(), 1);
  EXPECT_TRUE(fs::exists(saved.checkpoint(2)));
  Toy toy(1);
  Optimizer other = toy.optimizer();
  fs::rename(saved.checkpoint(2), saved.checkpoint(4));
  save_run(saved.run.path, {.step = 3}, other);
  EXPECT_TRUE(fs::exists(saved.checkpoint(1)) && fs::exists(saved.checkpoint(3)));
  EXPECT_FALSE(fs::exists(saved.checkpoint(4)));
}

// state.json as the program wrote it before it had checksums.
void write_old(const fs::path& checkpoint, const Json& change) {
  Json state = {{"step", 2}, {"updates", 2}, {"skipped", 0}, {"skipped_in_a_row", 0}, {"settings", {{"lr", 0.1}}}};
  state.update(change);
  write_json(checkpoint / "state.json", state);
}

TEST(RunCheckpoint, OnesOfTheFirstFormatGoOn) {
  TwoSaved saved;
  write_old(saved.checkpoint(2), Json::object());
  std::string said;
  EXPECT_EQ(saved.resume(&said), 2);
  const size_t warned = said.find("warning: ");
  EXPECT_NE(warned, std::string::npos) << said;
  EXPECT_EQ(said.find("warning: ", warned + 1), std::string::npos) << said;
  EXPECT_NE(said.find("without checksums"), std::string::npos) << said;
}

TEST(RunCheckpoint, ChecksEveryNumber) {
  TwoSaved saved;
  fs::remove_all(saved.checkpoint(1));
  const auto refused = [&](const Json& change, const std::string& key) {
    write_old(saved.checkpoint(2), change);
    const std::string error = error_of([&] { saved.resume(); }, ErrorKind::input);
    EXPECT_NE(error.find("state.json: key"), std::string::npos) << change << error;
    EXPECT_NE(error.find("\"" + key + "\""), std::string::npos) << change << error;
  };
  const int64_t most = std::numeric_limits<int64_t>::max(), least = std::numeric_limits<int64_t>::min();
  for (const int64_t step :
       {int64_t{-1}, least, int64_t{0}, int64_t{1}, int64_t{3}, int64_t{41}, int64_t{1} << 40, most}) {
    refused({{"step", step}}, "step");
  }
  refused({{"step", 18446744073709551615ull}}, "step");
  refused({{"step", 2.0}}, "step"), refused({{"step", "2"}}, "step"), refused({{"step", nullptr}}, "step");
  for (const int64_t updates : {int64_t{-1}, int64_t{0}, int64_t{1}, int64_t{3}, int64_t{1} << 40, most, least}) {
    refused({{"updates", updates}}, "updates");
  }
  for (const int64_t skipped : {int64_t{-1}, int64_t{1}, most}) refused({{"skipped", skipped}}, "skipped");
  refused({{"updates", 1}, {"skipped", 1}, {"skipped_in_a_row", 2}}, "skipped_in_a_row");
  refused({{"skipped_in_a_row", -1}}, "skipped_in_a_row");
  refused({{"settings", 3}}, "settings"), refused({{"settings", Json::array()}}, "settings");
  // A run of fewer steps with the same settings there is not.
  fs::rename(saved.checkpoint(2), saved.run.path / "checkpoints" / "step-0000000011");
  write_old(saved.run.path / "checkpoints" / "step-0000000011", {{"step", 11}, {"updates", 11}});
  const std::string error = error_of([&] { saved.resume(); }, ErrorKind::input);
  EXPECT_NE(error.find("key \"step\": expected at most the run's 10, found 11"), std::string::npos) << error;
}

// It is not damaged, and the one before it would be of another program.
TEST(RunCheckpoint, NewerFormatsAreRefused) {
  TwoSaved saved;
  Json state = read_sealed_json(saved.checkpoint(2) / "state.json").value;
  state["format"] = kRunFormat + 1;
  write_sealed_json(saved.checkpoint(2) / "state.json", state);
  const std::string error = error_of([&] { saved.resume(); }, ErrorKind::input);
  EXPECT_NE(error.find("\"format\": expected at most 2, found 3: a newer version"), std::string::npos) << error;
}

}  // namespace
}  // namespace zebra
