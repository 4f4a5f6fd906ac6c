#include "train/trainer.h"

#include <chrono>
#include <optional>

#include "base/error.h"
#include "base/log.h"
#include "base/signals.h"
#include "base/text.h"
#include "io/event_file.h"
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
  task.model.parameters([&](const std::string& name, at::Tensor& value) {
    if ((task.is_frozen && task.is_frozen(name)) == frozen) visit(name, value);
  });
}

// One step's gradient, in as many passes as the memory wants; returns the mean loss.
double accumulate(const TrainTask& task, const TrainSettings& settings, Optimizer& optimizer, int64_t step) {
  const int64_t rows = settings.rows_per_step(), pass = settings.rows_per_pass();
  optimizer.zero_grad();
  double sum = 0;
  bool learns = false;
  for (int64_t done = 0; done < rows; done += pass) {
    task.loss(step * rows + done, pass, [&](const at::Tensor& loss) {
      if (loss.requires_grad()) {  // not where all that the term depends on is frozen
        learns = true;
        (pass == rows ? loss : loss * (static_cast<double>(pass) / static_cast<double>(rows))).backward();
      }
      sum += loss.item<double>() * static_cast<double>(pass);
    });
    optimizer.collect_grad();
  }
  if (!learns)
    fail_usage("freeze: expected patterns that leave something to train, but the loss depends on nothing else");
  return sum / static_cast<double>(rows);
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

std::string progress_text(double loss, double lr, double norm, double tokens_per_second) {
  char text[128];
  std::snprintf(text, sizeof text, "loss %.4f  lr %.2e  norm %.2f  %.0f tok/s", loss, lr, norm, tokens_per_second);
  return text;
}

}  // namespace

fs::path run_folder(const fs::path& out) {
  fs::path folder = out.has_filename() ? out : out.parent_path();
  folder += ".run";
  return folder;
}

TrainReport train(const TrainTask& task, const TrainSettings& settings) {
  const int64_t steps = settings.steps();
  const SignalGuard signals;
  for_parameters(task, true, [](const std::string&, at::Tensor& value) { value.set_requires_grad(false); });
  task.model.recompute_blocks(settings.checkpointing);
  Optimizer optimizer([&](const ParameterVisitor& visit) { for_parameters(task, false, visit); }, task.is_new,
                      settings.optimizer_settings());
  RunState state{.step = 0, .settings = task.identity};
  const auto saved = task.resume ? latest_run(task.run) : std::nullopt;
  if (saved) {
    state = load_run(*saved, task.identity, optimizer);
    log_line(cat("resuming after step ", state.step, " of ", steps, " (", saved->string(), ")"));
  } else {
    remove_checkpoints(task.run);
    if (task.stored) {
      set_weights(optimizer, task.stored);
      optimizer.restore(0, 0, 0);
    }
  }
  state.settings = task.identity;
  fs::create_directories(task.run);
  MetricsFile metrics(task.run / kMetricsName, state.step);
  EventFile events(task.run / "events.out.tfevents.zebra", state.step);  // TensorBoard looks for the part in the middle
  const int64_t first = state.step, tokens_before = tokens_of(task, settings, 0, first);
  int64_t tokens = tokens_before;
  const int64_t save_every = settings.save_every > 0 ? settings.save_every : std::max<int64_t>(1, steps / 10);
  const auto start = std::chrono::steady_clock::now();
  Progress progress(task.label, static_cast<double>(steps - first));
  while (state.step < steps) {
    const auto begin = std::chrono::steady_clock::now();
    const double factor = settings.schedule.factor(state.step, steps);
    const double loss = accumulate(task, settings, optimizer, state.step);
    const Optimizer::Step done = optimizer.step(loss, factor);
    ++state.step;
    const int64_t step_tokens = tokens_of(task, settings, state.step - 1, 1);
    tokens += step_tokens;
    const double rate = static_cast<double>(step_tokens) / seconds_since(begin);
    Json line = {{"lr", factor * settings.lr},
                 {"grad_norm", done.grad_norm},
                 {"tokens", tokens},
                 {"tokens_per_second", static_cast<int64_t>(rate)}};
    if (task.measured) line.update(task.measured());
    metrics.add(state.step, loss, line);
    events.add(state.step, scalars_of(loss, line));
    if (state.step == 1) log_line(cat("step 1: loss ", fixed(loss, 4), " before the first update"));
    const double mean_rate = static_cast<double>(tokens - tokens_before) / seconds_since(start);
    progress.update(static_cast<double>(state.step - first),
                    progress_text(loss, factor * settings.lr, done.grad_norm, mean_rate));
    if (done.skipped)
      log_warning(cat("step ", state.step, ": loss or gradient is not finite; weights left as they are"));
    if (optimizer.skipped_in_a_row() >= kSkippedLimit) {
      fail(ErrorKind::runtime, task.label, ": loss or gradient was not finite ", kSkippedLimit,
           " times in a row, last at step ", state.step, "; use a smaller --lr");
    }
    const int stop = signals.received();
    if (stop || state.step % save_every == 0 || state.step == steps) save_run(task.run, state, optimizer);
    if (stop && state.step < steps) {
      progress.finish();
      fail_signal(stop, cat("step ", state.step, " of ", steps, " is saved in ", task.run.string(),
                            "; the same command goes on from there"));
    }
  }
  progress.finish();
  optimizer.release();
  if (task.stored) {
    for_parameters(task, true, [&](const std::string& name, at::Tensor& value) {
      value = task.stored(name).to(value.options().dtype(at::kFloat));
    });
  }
  TrainReport report;
  report.steps = steps;
  report.tokens = tokens;
  report.skipped = optimizer.skipped();
  report.first_loss = metrics.losses().empty() ? 0 : metrics.losses().front();
  report.last_loss = metrics.last_loss();
  report.seconds = seconds_since(start);
  report.tokens_per_second = static_cast<double>(tokens - tokens_before) / report.seconds;
  return report;
}

}  // namespace zebra
