#include "train/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <memory>
#include <optional>

#include "base/error.h"
#include "base/log.h"
#include "base/signals.h"
#include "base/text.h"
#include "io/event_file.h"
#include "model/finite.h"
#include "train/checkpoint.h"
#include "train/metrics.h"

namespace zebra {

namespace {

constexpr int64_t kSkippedLimit = 5;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void set_weights(const Optimizer& optimizer, const std::function<at::Tensor(const std::string&)>& stored) {
  for (const auto& [name, value] : optimizer.weights()) at::Tensor(value).copy_(stored(name));
}

// Calls visit with the parameters that are trained, or with the frozen ones.
void for_parameters(const TrainTask& task, bool frozen, const ParameterVisitor& visit) {
  const auto wanted = [&](const Parameter& parameter, at::Tensor& value) {
    if ((task.is_frozen && task.is_frozen(parameter.name)) == frozen) visit(parameter, value);
  };
  task.parameters ? task.parameters(wanted) : task.model.parameters(wanted);
}

int64_t tokens_of(const TrainTask& task, const TrainSettings& settings, int64_t first_step, int64_t steps) {
  const int64_t rows = settings.rows_per_step();
  return task.tokens ? task.tokens(first_step * rows, steps * rows) : steps * settings.batch_tokens;
}

EventFile::Scalars scalars_of(double loss, const Json& line) {
  EventFile::Scalars scalars = {{"loss", loss}};
  for (const auto& [name, value] : line.items()) {
    if (value.is_number()) scalars.emplace_back(name, value.get<double>());
  }
  return scalars;
}

Optimizer make_optimizer(const TrainTask& task, const TrainSettings& settings) {
  for_parameters(task, true, [](const std::string&, at::Tensor& value) { value.set_requires_grad(false); });
  task.model.recompute_blocks(settings.checkpointing);
  return Optimizer([&task](const ParameterVisitor& visit) { for_parameters(task, false, visit); }, task.is_new,
                   settings.optimizer_settings());
}

// One model on its way through the loop.
class Run {
 public:
  // Begins, or continues the newest checkpoint. `task` and `settings` must outlive it.
  Run(const TrainTask& task, const TrainSettings& settings);

  int64_t step() const { return state_.step; }
  // A step: open(), then for every pass terms to add() and pass_done(), then close().
  void open();
  void add(const at::Tensor& term, int64_t rows);
  void pass_done() { optimizer_.collect_grad(); }
  void close(std::chrono::steady_clock::time_point begin);
  // Whether held-out rows are measured after the step just done.
  bool measures() const;
  void save() {
    metrics_->sync();  // never shorter than a checkpoint that is there
    save_run(task_.run, state_, optimizer_);
  }

  double loss() const { return loss_; }
  double grad_norm() const { return grad_norm_; }
  int64_t tokens_here() const { return tokens_ - tokens_before_; }  // of this process
  TrainReport finish(double seconds);

 private:
  double measure();  // the loss on held-out rows, which may make this step the best so far
  void take_best();  // the weights of the best step
  void check_weights() const;

  const TrainTask& task_;
  const TrainSettings& settings_;
  Optimizer optimizer_;
  RunState state_;
  std::optional<MetricsFile> metrics_;
  std::optional<EventFile> events_;
  int64_t tokens_ = 0, tokens_before_ = 0;
  double sum_ = 0, loss_ = 0, grad_norm_ = 0, before_ = 0;
  bool learns_ = false;
};

Run::Run(const TrainTask& task, const TrainSettings& settings)
    : task_(task),
      settings_(settings),
      optimizer_(make_optimizer(task, settings)),
      state_{.step = 0, .settings = task.identity, .content = task.content} {
  if (task.held_out) {
    before_ = task.held_out();
    if (!std::isfinite(before_)) {
      check_weights();
      fail(ErrorKind::runtime, task.label, ": the loss on held-out rows is not finite before the first step, ",
           "although all weights are; use --dtype fp32");
    }
  }
  const auto saved = task.resume ? resume_run(task.run, state_, settings.steps(), optimizer_) : std::nullopt;
  if (saved) {
    state_.step = *saved;
  } else {
    remove_checkpoints(task.run);
    if (task.stored) {
      set_weights(optimizer_, task.stored);
      optimizer_.restore(0, 0, 0);
    }
  }
  fs::create_directories(task.run);
  metrics_.emplace(task.run / kMetricsName, state_.step);
  events_.emplace(task.run / "events.out.tfevents.zebra", state_.step);  // TensorBoard looks for the part in the middle
  tokens_ = tokens_before_ = tokens_of(task, settings, 0, state_.step);
}

bool Run::measures() const {
  const int64_t steps = settings_.steps();
  return task_.held_out && (state_.step == steps || state_.step % std::max<int64_t>(1, steps / 10) == 0);
}

double Run::measure() {
  const double loss = task_.held_out();
  if (std::isfinite(loss) && (state_.best_step == 0 || loss < state_.best_loss)) {
    state_.best_step = state_.step, state_.best_loss = loss;
  }
  return loss;
}

void Run::take_best() {
  if (state_.best_step == 0) {
    check_weights();
    fail(ErrorKind::runtime, task_.label, ": the loss on held-out rows was not finite after any step; use a smaller ",
         "--lr, or --dtype fp32");
  }
  if (state_.best_step == state_.step) return;
  try {
    load_run(task_.run, state_, state_.best_step, optimizer_);
    log_line(cat(task_.label, ": step ", state_.best_step, " of ", state_.step,
                 " did best on held-out rows: its weights are the result"));
  } catch (const Error& error) {
    log_warning(cat(error.what(), ": step ", state_.best_step, " did best on held-out rows, but the last weights are ",
                    "the result"));
    load_run(task_.run, state_, state_.step, optimizer_);
    state_.best_step = state_.step, state_.best_loss = task_.held_out();
  }
}

// Weights that are not finite never recover: Error names the first one.
void Run::check_weights() const {
  std::vector<const Model*> models = {&task_.model};
  models.insert(models.end(), task_.fixed.begin(), task_.fixed.end());
  for (const Model* model : models) {
    const std::string found = first_not_finite(*model);
    if (!found.empty()) fail_input(task_.label, ": loss or gradient is not finite: ", found);
  }
}

void Run::open() {
  optimizer_.zero_grad();
  sum_ = 0;
  learns_ = false;
}

void Run::add(const at::Tensor& term, int64_t rows) {
  const int64_t all = settings_.rows_per_step();
  if (term.requires_grad()) {  // not where all that the term depends on is frozen
    learns_ = true;
    (rows == all ? term : term * (static_cast<double>(rows) / static_cast<double>(all))).backward();
  }
  sum_ += term.item<double>() * static_cast<double>(rows);
}

void Run::close(std::chrono::steady_clock::time_point begin) {
  if (!learns_)
    fail_usage("freeze: expected patterns that leave something to train, but the loss depends on nothing else");
  loss_ = sum_ / static_cast<double>(settings_.rows_per_step());
  const double factor = settings_.rate_factor(state_.step);
  const Optimizer::Step done = optimizer_.step(loss_, factor);
  grad_norm_ = done.grad_norm;
  ++state_.step;
  const int64_t step_tokens = tokens_of(task_, settings_, state_.step - 1, 1);
  tokens_ += step_tokens;
  const double rate = static_cast<double>(step_tokens) / seconds_since(begin);
  Json line = {{"lr", factor * settings_.lr},
               {"grad_norm", done.grad_norm},
               {"tokens", tokens_},
               {"tokens_per_second", static_cast<int64_t>(rate)}};
  if (task_.measured) line.update(task_.measured());
  if (measures()) line["held_out"] = measure();
  metrics_->add(state_.step, loss_, line);
  events_->add(state_.step, scalars_of(loss_, line));
  if (state_.step == 1) log_line(cat(task_.label, ": step 1: loss ", fixed(loss_, 4), " before the first update"));
  if (done.skipped) {
    log_warning(cat(task_.label, ": step ", state_.step, ": loss or gradient is not finite; weights left as they are"));
    check_weights();
  }
  if (optimizer_.skipped_in_a_row() >= kSkippedLimit) {
    fail(ErrorKind::runtime, task_.label, ": loss or gradient was not finite ", kSkippedLimit,
         " times in a row, last at step ", state_.step, "; use a smaller --lr");
  }
}

TrainReport Run::finish(double seconds) {
  if (optimizer_.updates() == 0) {
    fail(ErrorKind::runtime, task_.label, ": no step changed a weight: loss or gradient was not finite in all ",
         settings_.steps(), " steps; use a smaller --lr, or --dtype fp32");
  }
  if (task_.held_out) take_best();
  optimizer_.release();
  if (task_.stored) {
    for_parameters(task_, true, [&](const std::string& name, at::Tensor& value) {
      value = task_.stored(name).to(value.options().dtype(at::kFloat));
    });
  }
  TrainReport report;
  report.steps = settings_.steps();
  report.tokens = tokens_;
  report.skipped = optimizer_.skipped();
  report.first_loss = metrics_->losses().empty() ? 0 : metrics_->losses().front();
  report.last_loss = metrics_->last_loss();
  report.seconds = seconds;
  report.tokens_per_second = static_cast<double>(tokens_here()) / seconds;
  if (task_.held_out) report.held_out = {.before = before_, .after = state_.best_loss, .step = state_.best_step};
  return report;
}

// "loss 0.1234  lr 1.00e-03  norm 1.20  5000 tok/s"; of several runs losses and norms one after the other.
std::string progress_text(const std::vector<std::unique_ptr<Run>>& runs, double lr, double seconds) {
  std::string losses, norms;
  int64_t tokens = 0;
  for (const auto& run : runs) {
    losses = cat(losses, " ", fixed(run->loss(), 4)), norms = cat(norms, " ", fixed(run->grad_norm(), 2));
    tokens = std::max(tokens, run->tokens_here());
  }
  char text[48];
  std::snprintf(text, sizeof text, "  lr %.2e  norm", lr);
  return cat("loss", losses, text, norms, "  ", fixed(static_cast<double>(tokens) / seconds, 0), " tok/s");
}

// A step of the runs that have done the fewest: all of them, unless they were stopped between two checkpoints.
void step_together(const std::vector<std::unique_ptr<Run>>& runs, const SharedLoss& loss, const TrainSettings& settings,
                   int64_t step) {
  const auto begin = std::chrono::steady_clock::now();
  const int64_t rows = settings.rows_per_step(), pass = settings.rows_per_pass();
  std::vector<Run*> moving;
  std::vector<LossSink> sinks;
  for (const auto& run : runs) {
    sinks.emplace_back();
    if (run->step() != step) continue;
    sinks.back() = [pass, to = run.get()](const at::Tensor& term) { to->add(term, pass); };
    moving.push_back(run.get());
  }
  for (Run* run : moving) run->open();
  for (int64_t done = 0; done < rows; done += pass) {
    loss(step * rows + done, pass, sinks);
    for (Run* run : moving) run->pass_done();
  }
  for (Run* run : moving) run->close(begin);
}

}  // namespace

fs::path run_folder(const fs::path& out) {
  fs::path folder = out.has_filename() ? out : out.parent_path();
  folder += ".run";
  return folder;
}

std::vector<TrainReport> train_together(const std::vector<TrainTask>& tasks, const SharedLoss& loss,
                                        const TrainSettings& settings) {
  const int64_t steps = settings.steps();
  const SignalGuard signals;
  std::vector<std::unique_ptr<Run>> runs;
  for (const auto& task : tasks) runs.push_back(std::make_unique<Run>(task, settings));
  const auto least = [&] {
    int64_t step = steps;
    for (const auto& run : runs) step = std::min(step, run->step());
    return step;
  };
  const int64_t save_every = settings.save_every > 0 ? settings.save_every : std::max<int64_t>(1, steps / 10);
  const auto start = std::chrono::steady_clock::now();
  const int64_t first = least();
  Progress progress(tasks.front().label, static_cast<double>(steps - first));
  for (int64_t step = first; step < steps; step = least()) {
    step_together(runs, loss, settings, step);
    progress.update(static_cast<double>(step + 1 - first),
                    progress_text(runs, settings.rate_factor(step) * settings.lr, seconds_since(start)));
    const int stop = signals.received();
    const bool due = stop || (step + 1) % save_every == 0 || step + 1 == steps;
    for (const auto& run : runs) {
      if (run->step() == step + 1 && (due || run->measures())) run->save();
    }
    if (stop && step + 1 < steps) {
      progress.finish();
      std::vector<std::string> folders;
      for (const auto& task : tasks) folders.push_back(task.run.string());
      fail_signal(stop, cat("step ", step + 1, " of ", steps, " is saved in ", join(folders, " and "),
                            "; the same command goes on from there"));
    }
  }
  progress.finish();
  std::vector<TrainReport> reports;
  const double seconds = seconds_since(start);
  for (const auto& run : runs) reports.push_back(run->finish(seconds));
  return reports;
}

TrainReport train(const TrainTask& task, const TrainSettings& settings) {
  const SharedLoss loss = [&](int64_t first, int64_t rows, const std::vector<LossSink>& add) {
    task.loss(first, rows, add.front());
  };
  return train_together({task}, loss, settings).front();
}

}  // namespace zebra
