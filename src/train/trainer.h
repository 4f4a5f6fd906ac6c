#pragma once
// The one training loop: rows in order, loss, backward, clip, step, metrics, checkpoints, signals.
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "model/model.h"
#include "train/settings.h"

namespace zebra {

// Takes one term of the loss: its gradient is added and its graph freed before the call returns.
using LossSink = std::function<void(const at::Tensor& term)>;

struct TrainTask {
  Model& model;
  Optimizer::IsNew is_new;
  // What is trained, where that is not the model's own parameters; null = those.
  Optimizer::EachParameter parameters;
  // Hands the terms of the mean loss of rows [first, first + rows), counted over the whole run, to `add`; must be a
  // pure function of (seed, first, rows) and the weights, so that a resumed run continues exactly.
  std::function<void(int64_t first, int64_t rows, const LossSink& add)> loss;
  // The fp32 value of a parameter where the model computes in less; null = the model's own.
  std::function<at::Tensor(const std::string& name)> stored;
  // Parameters that stay bit for bit as `stored`, or else the model, has them, without gradient, moments or a place in
  // checkpoints; null = none.
  std::function<bool(const std::string& name)> is_frozen;
  // Tokens of rows [first, first + rows) where rows are of unequal length; null = all are full.
  std::function<int64_t(int64_t first, int64_t rows)> tokens;
  // The loss on rows that are never trained on, without gradient and the same each time it is asked: before the first
  // step, after every tenth of the run and after the last step. The weights that train() leaves are those with the
  // least, of those after a step. null = the last ones.
  std::function<double()> held_out;
  // Models that the loss asks besides; they are looked through for what is not finite where the loss is not.
  std::vector<const Model*> fixed;
  // Figures of the step just taken, for its line of metrics.jsonl and for TensorBoard; null = none besides the loop's
  // own.
  std::function<Json()> measured;
  fs::path run;                    // metrics.jsonl, events for TensorBoard and checkpoints
  Json identity = Json::object();  // settings that a resumed run must share
  Json content = Json::object();   // checksums of what it reads, which must be the same too (train/run_checks.h)
  bool resume = true;              // continue the newest checkpoint of `run`
  std::string label = "training";
};

struct HeldOutReport {
  int64_t rows = 0;
  double before = 0, after = 0;  // of the model that came, and of that which is left
  int64_t step = 0;              // after which that was
};

struct TrainReport {
  int64_t steps = 0, tokens = 0, skipped = 0;
  double first_loss = 0, last_loss = 0;       // last: mean over the last twentieth of the run
  double seconds = 0, tokens_per_second = 0;  // of this process, data included
  std::optional<HeldOutReport> held_out;
};

// Trains to the end and leaves the fp32 weights in the model. Error(runtime) if no step changed them, because its loss
// or gradient was not finite; Error(input) names a weight that is not. SIGINT and SIGTERM save a checkpoint and throw
// the error whose exit code is 130 or 143.
TrainReport train(const TrainTask& task, const TrainSettings& settings);

// Several models in lock-step, so that they share what a batch costs; each has its own optimizer, checkpoints and
// metrics, and ends with the bits that it would have alone. The tasks' own `loss` is not asked: `loss` hands the terms
// of model i to add[i], which is null while that model is ahead (of a run that was killed between two checkpoints).
using SharedLoss = std::function<void(int64_t first, int64_t rows, const std::vector<LossSink>& add)>;
std::vector<TrainReport> train_together(const std::vector<TrainTask>& tasks, const SharedLoss& loss,
                                        const TrainSettings& settings);

// Where a run keeps its files until its output folder exists: "OUT.run".
fs::path run_folder(const fs::path& out);

}  // namespace zebra
