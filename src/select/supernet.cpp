#include "select/supernet.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/rng.h"
#include "base/text.h"
#include "select/restore_one.h"

namespace zebra {

namespace {

constexpr uint64_t kStream = uint64_t{1} << 40;  // apart from what the rows draw
constexpr int64_t kSkippedLimit = 5;

void visit_mixers(Model& model, const ParameterVisitor& visit) {
  for (size_t layer = 0; layer < model.blocks().size(); ++layer) {
    Block& block = model.blocks()[layer];
    block.mixer->parameters(cat("model.layers.", layer, ".", block.mixer_key), visit);
  }
}

}  // namespace

std::vector<int64_t> supernet_layers(uint64_t seed, int64_t step, int64_t layers, int64_t count) {
  Rng rng(seed, kStream + static_cast<uint64_t>(step));
  std::vector<int64_t> order(static_cast<size_t>(layers));
  std::iota(order.begin(), order.end(), 0);
  for (int64_t i = 0; i < count; ++i) {
    const auto other = static_cast<size_t>(i) + rng.below(static_cast<uint64_t>(layers - i));
    std::swap(order[static_cast<size_t>(i)], order[other]);
  }
  order.resize(static_cast<size_t>(count));
  std::sort(order.begin(), order.end());
  return order;
}

void check_supernet(const DistillOptions& options) {
  const auto refuse = [](bool given, const char* name, const char* expected) {
    if (given) fail_usage(name, ": expected ", expected, " for a supernet, which cannot do otherwise; leave it out");
  };
  refuse(options.loss != "kl", "loss", "kl");
  refuse(options.layer_weight > 0, "layer_weight", "0");
  refuse(!options.lengths.empty(), "lengths", "rows of one length");
  refuse(options.on_policy != 0, "on_policy", "0");
  refuse(!options.teacher_cache.empty(), "teacher_cache", "a teacher that runs");
  refuse(!options.freeze.empty(), "freeze", "no patterns (only mixers learn)");
}

SupernetReport train_supernet(Model& mamba2, Model& mla, const Model& teacher, int64_t count,
                              const DistillOptions& options) {
  const TrainSettings& train = options.train;
  const int64_t layers = mamba2.config().layers(), steps = train.steps(), rows = train.rows_per_step(),
                pass = train.rows_per_pass();
  if (count < 1 || count > layers) fail_usage("count: expected 1 to ", layers, " layers, found ", count);
  check_supernet(options);
  mamba2.require_grad(false), mla.require_grad(false);
  mamba2.recompute_blocks(train.checkpointing);
  const auto each = [&](const ParameterVisitor& visit) { visit_mixers(mamba2, visit), visit_mixers(mla, visit); };
  Optimizer optimizer(each, [](const std::string&) { return true; }, train.optimizer_settings());
  TeacherRows data = distillation_rows(options, teacher);

  SupernetReport report{.steps = steps};
  const int64_t tail = std::max<int64_t>(1, steps / 20);
  Progress progress("supernet", static_cast<double>(steps));
  for (int64_t step = 0; step < steps; ++step) {
    const auto subset = supernet_layers(static_cast<uint64_t>(train.seed), step, layers, count);
    optimizer.zero_grad();
    double loss = 0;
    swap_blocks(mamba2, mla, subset);
    for (int64_t done = 0; done < rows; done += pass) {
      const int64_t first = step * rows + done;
      const TeacherBatch batch = data.batch(first, pass);
      const at::Tensor term = token_loss(options.token, mamba2, teacher,
                                         {.ids = batch.ids,
                                          .student = mamba2.hidden(batch.ids, batch.span),
                                          .teacher = batch.hidden,
                                          .first = first,
                                          .span = batch.span},
                                         train.seed);
      const double share = static_cast<double>(pass) / static_cast<double>(rows);
      (term * share).backward();
      loss += term.item<double>() * share;
      optimizer.collect_grad();
    }
    swap_blocks(mamba2, mla, subset);
    optimizer.step(loss, train.schedule.factor(step, steps));
    if (optimizer.skipped_in_a_row() >= kSkippedLimit) {
      fail(ErrorKind::runtime, "supernet: loss or gradient was not finite ", kSkippedLimit, " times in a row");
    }
    if (step == 0) report.first_loss = loss;
    if (step >= steps - tail) report.last_loss += loss / static_cast<double>(tail);
    progress.update(static_cast<double>(step + 1), cat("loss ", fixed(loss, 4)));
  }
  progress.finish();
  optimizer.release();  // leaves what learned in fp32
  const at::TensorOptions before = at::TensorOptions(mamba2.head().weight.scalar_type());
  mamba2.to(before), mla.to(before);
  mamba2.recompute_blocks(false);
  return report;
}

}  // namespace zebra
