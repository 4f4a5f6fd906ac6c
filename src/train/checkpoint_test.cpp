#include "train/checkpoint.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <functional>

#include "base/error.h"
#include "io/safetensors.h"
#include "support/scratch.h"

namespace zebra {
namespace {

struct Toy {
  at::Tensor a, b;
  explicit Toy(double value, std::vector<int64_t> shape = {2, 3})
      : a(at::full(shape, value, at::kFloat)), b(at::full({4}, value, at::kFloat)) {}
  Optimizer optimizer(MatrixStep matrices = MatrixStep::adamw) {
    return Optimizer([this](const ParameterVisitor& visit) { visit("a", a), visit("b", b); },
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
    save_run(run.path, {13, Json{{"lr", 0.1}}}, a);
    const RunState state = load_run(*latest_run(run.path), Json{{"lr", 0.1}}, b);
    EXPECT_EQ(state.step, 13);
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
  for (const int64_t step : {9, 10, 100}) save_run(run.path, {step, Json::object()}, optimizer);
  int64_t count = 0;
  for (const auto& entry : fs::directory_iterator(run.path / "checkpoints")) count += entry.is_directory();
  EXPECT_EQ(count, 2);
  EXPECT_EQ(latest_run(run.path)->filename(), "step-0000000100");
  fs::create_directories(run.path / "checkpoints" / "step-0000000200.building-1");  // a killed process left it
  fs::create_directories(run.path / "checkpoints" / "step-0000000300");             // no state.json
  EXPECT_EQ(latest_run(run.path)->filename(), "step-0000000100");
  remove_checkpoints(run.path);
  EXPECT_FALSE(latest_run(run.path));
}

TEST(RunCheckpoint, NamesTheSettingThatDiffers) {
  const ScratchFolder run;
  Toy toy(1);
  Optimizer optimizer = toy.optimizer();
  save_run(run.path, {1, Json{{"seed", 3}, {"lr", 0.5}}}, optimizer);
  const auto load = [&](Json settings) {
    return error_of([&] { load_run(*latest_run(run.path), settings, optimizer); }, ErrorKind::usage);
  };
  EXPECT_EQ(load({{"seed", 3}, {"lr", 0.5}}), "");
  const std::string differs = load({{"seed", 4}, {"lr", 0.5}});
  EXPECT_NE(differs.find("setting seed differs"), std::string::npos) << differs;
  EXPECT_NE(differs.find("has 3, this one 4"), std::string::npos) << differs;
  EXPECT_NE(load({{"warmup", 1}}).find("setting warmup differs"), std::string::npos);
}

TEST(RunCheckpoint, NamesTheTensorThatDoesNotFit) {
  const ScratchFolder run;
  Toy toy(1), other(1, {3, 3});
  Optimizer optimizer = toy.optimizer(), wrong = other.optimizer();
  save_run(run.path, {1, Json::object()}, optimizer);
  const auto error = [&] {
    return error_of([&] { load_run(*latest_run(run.path), Json::object(), wrong); }, ErrorKind::input);
  };
  EXPECT_NE(error().find("weights.safetensors: tensor a: expected F32 [3, 3], found F32 [2, 3]"), std::string::npos);
  fs::resize_file(*latest_run(run.path) / "weights.safetensors", 40);
  EXPECT_NE(error(), "");
}

}  // namespace
}  // namespace zebra
