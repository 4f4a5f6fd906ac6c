#include "train/trainer.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ATen/Parallel.h>

#include <csignal>
#include <cstdlib>
#include <limits>
#include <map>
#include <stdexcept>

#include "base/error.h"
#include "base/rng.h"
#include "io/json_fields.h"
#include "io/safetensors.h"
#include "model/checkpoint.h"
#include "ops/distillation_kl.h"
#include "support/scratch.h"
#include "train/checkpoint.h"

namespace zebra {
namespace {

constexpr int64_t kVocab = 17, kLength = 12, kSteps = 9;

ModelConfig tiny_config() {
  ModelConfig config;
  config.model_type = "llama";
  config.vocab = kVocab, config.hidden = 16, config.intermediate = 24, config.max_position = 64, config.tied = true;
  AttentionConfig attention{.hidden = 16, .heads = 4, .kv_heads = 2, .head_dim = 4};
  Mamba2Config mamba{.hidden = 16, .heads = 4, .kv_heads = 2, .head_dim = 4};
  config.mixers = {attention, mamba};
  return config;
}

TrainSettings tiny_settings() {
  TrainSettings settings;
  settings.length = kLength, settings.batch_tokens = 4 * kLength, settings.micro_tokens = 2 * kLength;
  settings.tokens = kSteps * settings.batch_tokens;
  settings.lr = 1e-2, settings.lr_inherited = 5e-3, settings.save_every = 2;
  return settings;
}

// Text with something to learn: every token is the one before it plus 1 or 2.
at::Tensor rows_at(int64_t first, int64_t rows) {
  at::Tensor ids = at::empty({rows, kLength + 1}, at::kLong);
  for (int64_t row = 0; row < rows; ++row) {
    Rng rng(7, static_cast<uint64_t>(first + row));
    int64_t token = static_cast<int64_t>(rng.below(kVocab));
    for (int64_t i = 0; i <= kLength; ++i) {
      ids[row][i] = token;
      token = (token + 1 + static_cast<int64_t>(rng.below(2))) % kVocab;
    }
  }
  return ids;
}

struct TinyRun {
  TrainSettings settings = tiny_settings();
  Model model{tiny_config()};
  TrainTask task{.model = model,
                 .is_new = [](const std::string& name) { return name.find("mamba") != std::string::npos; }};

  explicit TinyRun(const fs::path& folder) {
    at::set_num_threads(1);
    initialise_random(model, 1);
    task.run = folder;
    task.loss = [this](int64_t first, int64_t rows, const LossSink& add) {
      const at::Tensor ids = rows_at(first, rows);
      add(ops::head_cross_entropy(model.hidden(ids.narrow(1, 0, kLength)).flatten(0, 1), model.head().weight,
                                  ids.narrow(1, 1, kLength).flatten()));
    };
  }
  TrainReport go() {
    task.identity = identity_of(save_fields(settings));
    return train(task, settings);
  }
};

std::vector<Json> losses(const fs::path& run) {
  std::vector<Json> out;
  std::string text = read_file(run / "metrics.jsonl");
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    const Json line = parse_json(text.substr(at, end - at), "metrics");
    out.push_back(Json{line["step"], line["loss"], line["lr"], line["grad_norm"], line["tokens"]});
    at = end + 1;
  }
  return out;
}

std::string weights(const fs::path& run) {
  return read_file(*latest_run(run) / "weights.safetensors");
}

// Runs this test program again as TrainerChild.Run and returns how it ended.
int child(const fs::path& run, int64_t kill_step, int signal) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::setenv("ZEBRA_TEST_RUN", run.c_str(), 1);
    ::setenv("ZEBRA_TEST_KILL_STEP", std::to_string(kill_step).c_str(), 1);
    ::setenv("ZEBRA_TEST_SIGNAL", std::to_string(signal).c_str(), 1);
    ::execl("/proc/self/exe", "train_test", "--gtest_filter=TrainerChild.Run", nullptr);
    std::_Exit(99);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

TEST(TrainerChild, Run) {
  const char* folder = std::getenv("ZEBRA_TEST_RUN");
  if (!folder) GTEST_SKIP() << "runs inside the tests of Trainer";
  const int64_t kill_step = std::atoll(std::getenv("ZEBRA_TEST_KILL_STEP"));
  const int signal = std::atoi(std::getenv("ZEBRA_TEST_SIGNAL"));
  TinyRun run(folder);
  const auto loss = run.task.loss;
  run.task.loss = [&](int64_t first, int64_t rows, const LossSink& add) {
    if (first / 4 == kill_step && first % 4 != 0) std::raise(signal);  // in the middle of a step
    loss(first, rows, add);
  };
  try {
    run.go();
  } catch (const Error& error) {
    std::_Exit(error.exit_code());
  }
}

TEST(Trainer, AKilledRunGoesOnAsIfNothingHadHappened) {
  const ScratchFolder folder;
  const fs::path straight = folder.path / "straight", broken = folder.path / "broken";
  ASSERT_EQ(child(straight, -1, 0), 0);
  ASSERT_EQ(losses(straight).size(), static_cast<size_t>(kSteps));
  EXPECT_EQ(child(broken, 0, SIGKILL), -SIGKILL);  // before anything was saved
  EXPECT_EQ(child(broken, 3, SIGKILL), -SIGKILL);
  EXPECT_EQ(child(broken, 4, SIGTERM), 143);
  EXPECT_EQ(child(broken, 6, SIGINT), 130);
  EXPECT_EQ(child(broken, 7, SIGKILL), -SIGKILL);
  EXPECT_EQ(child(broken, -1, 0), 0);
  EXPECT_EQ(losses(straight), losses(broken));
  EXPECT_EQ(weights(straight), weights(broken));
}

TEST(Trainer, LossFalls) {
  const ScratchFolder folder;
  TinyRun run(folder.path);
  run.settings.tokens = 60 * run.settings.batch_tokens;
  const TrainReport report = run.go();
  EXPECT_NEAR(report.first_loss, std::log(double{kVocab}), 0.1);
  EXPECT_LT(report.last_loss, 1.6);  // log 2 is what the text allows
  EXPECT_EQ(report.steps, 60);
}

TEST(Trainer, TheTwoGroupsDiffer) {
  const ScratchFolder folder;
  TinyRun run(folder.path);
  run.settings.lr_inherited = 0;
  std::map<std::string, at::Tensor> before;
  run.model.parameters([&](const std::string& name, at::Tensor& value) { before[name] = value.clone(); });
  run.go();
  run.model.parameters([&](const std::string& name, at::Tensor& value) {
    EXPECT_EQ(at::equal(before[name], value), name.find("mamba") == std::string::npos) << name;
  });
}

TEST(Trainer, FrozenPartsStayAsTheyAreAlsoAcrossAResume) {
  const ScratchFolder folder;
  const auto is_frozen = [](const std::string& name) { return name.find("mlp") != std::string::npos; };
  const auto go = [&](TinyRun& run, int64_t stop) {
    run.task.is_frozen = is_frozen;
    const auto loss = run.task.loss;
    run.task.loss = [&, loss, stop](int64_t first, int64_t rows, const LossSink& add) {
      if (first / 4 == stop) throw std::runtime_error("stopped");
      loss(first, rows, add);
    };
    run.go();
  };
  TinyRun straight(folder.path / "straight"), stopped(folder.path / "broken"), resumed(folder.path / "broken");
  std::map<std::string, at::Tensor> before;
  straight.model.parameters([&](const std::string& name, at::Tensor& value) { before[name] = value.clone(); });
  go(straight, -1);
  EXPECT_THROW(go(stopped, 5), std::runtime_error);
  go(resumed, -1);
  EXPECT_EQ(weights(folder.path / "straight"), weights(folder.path / "broken"));
  const SafetensorsFile saved(*latest_run(folder.path / "straight") / "m.safetensors");
  resumed.model.parameters([&](const std::string& name, at::Tensor& value) {
    EXPECT_EQ(at::equal(before[name], value), is_frozen(name)) << name;
    EXPECT_EQ(saved.tensors().contains(name), !is_frozen(name)) << name;
    EXPECT_FALSE(value.requires_grad()) << name;
  });
}

TEST(Trainer, StopsWhenLossesStayNotFinite) {
  const ScratchFolder folder;
  TinyRun run(folder.path);
  const auto loss = run.task.loss;
  int64_t bad_from = 24, bad_to = 28;  // rows of one step
  run.task.loss = [&](int64_t first, int64_t rows, const LossSink& add) {
    const bool bad = first >= bad_from && first < bad_to;
    loss(first, rows,
         [&](const at::Tensor& term) { add(bad ? term * std::numeric_limits<double>::quiet_NaN() : term); });
  };
  EXPECT_EQ(run.go().skipped, 1);
  run.model.parameters(
      [](const std::string& name, at::Tensor& value) { EXPECT_TRUE(value.isfinite().all().item<bool>()) << name; });

  TinyRun again(folder.path / "again");
  bad_from = 8, bad_to = 1000;
  const auto other = again.task.loss;
  again.task.loss = [&](int64_t first, int64_t rows, const LossSink& add) {
    other(first, rows,
          [&](const at::Tensor& term) { add(term * (first >= 8 ? std::numeric_limits<double>::infinity() : 1.0)); });
  };
  try {
    again.go();
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("5 times in a row, last at step 7"), std::string::npos) << error.what();
  }
}

std::string error_of(TinyRun& run, ErrorKind kind) {
  try {
    run.go();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "expected an error";
  return "";
}

// A weight that is not finite never recovers: the first step says which it is, of any model that the loss asks.
TEST(Trainer, NamesTheWeightThatIsNotFinite) {
  const ScratchFolder folder;
  for (const double value : {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    TinyRun own(folder.path / "own");
    own.model.parameters([&](const std::string& name, at::Tensor& weight) {
      if (name == "model.layers.1.mlp.up_proj.weight") weight[2][3] = value;
    });
    const std::string found = error_of(own, ErrorKind::input);
    EXPECT_NE(found.find("model.layers.1.mlp.up_proj.weight has 1 of 384 values"), std::string::npos) << found;

    TinyRun asks(folder.path / "asks");
    Model other(tiny_config());
    initialise_random(other, 3);
    other.parameters([&](const std::string& name, at::Tensor& weight) {
      if (name == "model.norm.weight") weight[0] = value;
    });
    asks.task.fixed = {&other};
    const auto loss = asks.task.loss;
    asks.task.loss = [&](int64_t first, int64_t rows, const LossSink& add) {
      const at::Tensor wrong = other.hidden(at::zeros({1, 2}, at::kLong)).sum();
      loss(first, rows, [&](const at::Tensor& term) { add(term + wrong); });
    };
    EXPECT_NE(error_of(asks, ErrorKind::input).find("model.norm.weight has 1 of 16 values"), std::string::npos);
  }
}

TEST(Trainer, NothingIsLearnedWhereNoStepChangesAWeight) {
  const ScratchFolder folder;
  for (const int64_t steps : {1, 3}) {  // fewer than end a run by themselves
    TinyRun run(folder.path);
    run.settings.tokens = steps * run.settings.batch_tokens;
    run.task.resume = false;
    const auto loss = run.task.loss;
    run.task.loss = [&](int64_t first, int64_t rows, const LossSink& add) {
      loss(first, rows, [&](const at::Tensor& term) { add(term * std::numeric_limits<double>::infinity()); });
    };
    const std::string found = error_of(run, ErrorKind::runtime);
    EXPECT_NE(found.find(cat("no step changed a weight: loss or gradient was not finite in all ", steps)),
              std::string::npos)
        << found;
  }
}

std::map<std::string, at::Tensor> copies(Model& model) {
  std::map<std::string, at::Tensor> out;
  model.parameters([&](const std::string& name, at::Tensor& value) { out[name] = value.detach().clone(); });
  return out;
}

// Held-out losses that are told to it: the weights of the least are the result, wherever the run was stopped.
TEST(Trainer, TheBestStepOnHeldOutRowsIsTheResult) {
  const ScratchFolder folder;
  const double told[] = {5, 4, 3, 6, 2, 3, 4, 9, 9, 9};  // after step 0, 1, ..
  const auto go = [&](const fs::path& path, int64_t steps, int64_t stop, std::map<std::string, at::Tensor>& weights) {
    TinyRun run(path);
    run.settings.tokens = steps * run.settings.batch_tokens, run.settings.save_every = 3;
    int64_t step = 0;
    const auto loss = run.task.loss;
    run.task.loss = [&](int64_t first, int64_t rows, const LossSink& add) {
      step = first / 4 + 1;
      if (first / 4 == stop) throw std::runtime_error("stopped");
      loss(first, rows, add);
    };
    run.task.held_out = [&] { return told[step]; };
    const TrainReport report = run.go();
    weights = copies(run.model);
    return *report.held_out;
  };
  std::map<std::string, at::Tensor> best, last, after_four;
  const HeldOutReport found = go(folder.path / "straight", kSteps, -1, best);
  EXPECT_EQ(found.before, 5);
  EXPECT_EQ(found.after, 2);
  EXPECT_EQ(found.step, 4);
  std::vector<Json> measured;
  std::string text = read_file(folder.path / "straight" / "metrics.jsonl");
  EXPECT_NE(text.find("\"held_out\":2.0"), std::string::npos) << text;

  // It is what the weights were then, not what they became.
  TinyRun plain(folder.path / "plain");
  const auto loss = plain.task.loss;
  plain.task.loss = [&](int64_t first, int64_t rows, const LossSink& add) {
    if (first == 16) after_four = copies(plain.model);
    loss(first, rows, add);
  };
  plain.go();
  last = copies(plain.model);
  for (const auto& [name, value] : best) {
    EXPECT_TRUE(at::equal(value, after_four.at(name))) << name;
    EXPECT_FALSE(at::equal(value, last.at(name))) << name;
  }

  for (const int64_t stop : {1, 4, 5, 7, 8}) {
    const fs::path path = folder.path / cat("broken", stop);
    std::map<std::string, at::Tensor> resumed;
    EXPECT_THROW(go(path, kSteps, stop, resumed), std::runtime_error);
    const HeldOutReport again = go(path, kSteps, -1, resumed);
    EXPECT_EQ(again.step, 4) << stop;
    EXPECT_EQ(again.after, 2) << stop;
    for (const auto& [name, value] : best) EXPECT_TRUE(at::equal(value, resumed.at(name))) << stop << " " << name;
  }
  // The checkpoint that did best stays beside the last two, and a run that had ended ends the same again.
  const fs::path best_one = folder.path / "straight" / "checkpoints" / "step-0000000004";
  EXPECT_TRUE(fs::exists(best_one));
  EXPECT_FALSE(fs::exists(folder.path / "straight" / "checkpoints" / "step-0000000003"));
  std::map<std::string, at::Tensor> again;
  EXPECT_EQ(go(folder.path / "straight", kSteps, -1, again).step, 4);
  for (const auto& [name, value] : best) EXPECT_TRUE(at::equal(value, again.at(name))) << name;
  // Without it the last weights are the result, with their own figure.
  fs::remove_all(best_one);
  const HeldOutReport without = go(folder.path / "straight", kSteps, -1, again);
  EXPECT_EQ(without.step, kSteps);
  for (const auto& [name, value] : last) EXPECT_TRUE(at::equal(value, again.at(name))) << name;
}

TEST(Trainer, RefusesToResumeWithOtherSettings) {
  const ScratchFolder folder;
  TinyRun(folder.path).go();
  TinyRun other(folder.path);
  other.settings.lr = 2e-2;
  try {
    other.go();
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("setting lr differs"), std::string::npos) << error.what();
  }
  other.task.resume = false;
  EXPECT_EQ(other.go().steps, kSteps);
}

}  // namespace
}  // namespace zebra
