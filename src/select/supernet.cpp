#include "select/supernet.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "base/rng.h"
#include "base/text.h"
#include "io/json_fields.h"
#include "select/restore_one.h"
#include "train/distill_rows.h"
#include "train/run_checks.h"

namespace zebra {

namespace {

constexpr uint64_t kStream = uint64_t{1} << 40;  // apart from what the rows draw

void visit_mixers(std::vector<Model>& students, const ParameterVisitor& visit) {
  for (size_t student = 0; student < students.size(); ++student) {
    for (size_t layer = 0; layer < students[student].blocks().size(); ++layer) {
      Block& block = students[student].blocks()[layer];
      block.mixer->parameters(cat("students.", student, ".layers.", layer, ".", block.mixer_key), visit);
    }
  }
}

// Puts a placement into the first student, or takes it out again.
void exchange(std::vector<Model>& students, const std::vector<size_t>& placement) {
  for (size_t layer = 0; layer < placement.size(); ++layer) {
    if (placement[layer] > 0) swap_blocks(students.front(), students[placement[layer]], {static_cast<int64_t>(layer)});
  }
}

}  // namespace

std::vector<size_t> supernet_placement(const SupernetDraw& draw, uint64_t seed, int64_t step, int64_t layers,
                                       size_t students) {
  Rng rng(seed, kStream + static_cast<uint64_t>(step));
  std::vector<size_t> order(static_cast<size_t>(layers)), placement(order.size(), 0);
  std::iota(order.begin(), order.end(), 0);
  int64_t left = draw.budget;
  const size_t drawn = draw.count > 0 ? static_cast<size_t>(draw.count) : order.size();
  for (size_t i = 0; i < drawn; ++i) {
    std::swap(order[i], order[i + rng.below(order.size() - i)]);
    const size_t layer = order[i];
    std::vector<size_t> can;
    if (draw.count == 0) can.push_back(0);
    for (size_t student = 1; student < students; ++student) {
      if (draw.count > 0 || draw.costs[student - 1][layer] <= left) can.push_back(student);
    }
    placement[layer] = can.size() == 1 ? can.front() : can[rng.below(can.size())];
    if (draw.count == 0 && placement[layer] > 0) left -= draw.costs[placement[layer] - 1][layer];
  }
  return placement;
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
  refuse(options.held_out > 0, "held_out", "0 (the students are measured on --text)");
  refuse(!options.freeze.empty(), "freeze", "no patterns (only mixers learn)");
}

TrainReport train_supernet(std::vector<Model>& students, Model& teacher, const SupernetDraw& draw,
                           const DistillOptions& options, const fs::path& run, bool resume) {
  const TrainSettings& train = options.train;
  Model& model = students.front();
  const int64_t layers = model.config().layers();
  if (draw.count < 0 || draw.count > layers) fail_usage("count: expected 1 to ", layers, ", found ", draw.count);
  check_supernet(options);
  const std::shared_future<int64_t> weights = begin_checksum(teacher);
  TrainTask task{.model = model, .is_new = [](const std::string&) { return true; }};
  task.parameters = [&](const ParameterVisitor& visit) { visit_mixers(students, visit); };
  task.run = run, task.resume = resume, task.label = "supernet";
  task.identity = identity_of(save_fields(options));
  task.identity["draw"] = {{"count", draw.count}, {"costs", draw.costs}, {"budget", draw.budget}};
  task.identity["students"] = Json::array();
  for (Model& student : students) task.identity["students"].push_back(checksum(student)), student.require_grad(false);
  DistillOptions all_rows = options;
  all_rows.held_out = 0;
  TeacherRows data = distillation_rows(all_rows, teacher).train;
  task.content = distillation_content(teacher.config(), weights.get(), data.text_identity(), 0);
  task.content["students_config"] = Json::array();
  for (const Model& student : students) task.content["students_config"].push_back(checksum(student.config()));
  task.loss = [&](int64_t first, int64_t rows, const LossSink& add) {
    const auto placement = supernet_placement(draw, static_cast<uint64_t>(train.seed), first / train.rows_per_step(),
                                              layers, students.size());
    const TeacherBatch batch = data.batch(first, rows);
    exchange(students, placement);  // until the gradient is there, which may compute blocks again
    add(token_loss(options.token, model, teacher,
                   {.ids = batch.ids,
                    .student = model.hidden(batch.ids, batch.rows),
                    .teacher = batch.hidden,
                    .first = first,
                    .rows = batch.rows},
                   train.seed));
    exchange(students, placement);
  };
  const auto stored = model.head().weight.scalar_type();
  const TrainReport report = zebra::train(task, train);
  for (Model& student : students) student.to(at::TensorOptions(stored));
  model.recompute_blocks(false);
  return report;
}

}  // namespace zebra
