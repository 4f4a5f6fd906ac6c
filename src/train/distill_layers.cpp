#include "train/distill_layers.h"

#include <algorithm>
#include <memory>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "io/json_fields.h"
#include "model/checkpoint.h"
#include "train/distill_rows.h"
#include "train/distill_student.h"
#include "train/length_stages.h"
#include "train/run_checks.h"

namespace zebra {

namespace {

// What was filled in to suit a model must suit all: steps and passes are shared.
void check_same_settings(const DistillOptions& one, const DistillOptions& other) {
  const Json ours = save_fields(one.train), theirs = save_fields(other.train);
  for (const auto& [key, value] : ours.items()) {
    if (value == theirs.at(key)) continue;
    fail_usage(key, ": students of one run need the same, found ", value.dump(), " for ", one.student, " and ",
               theirs.at(key).dump(), " for ", other.student, ": give it as a flag");
  }
}

}  // namespace

std::vector<DistillOptions> each_student(const DistillOptions& options) {
  const std::vector<std::string> students = split(options.student, ',');
  if (students.size() < 2) return {options};
  if (options.loss != "layers") {
    fail_usage("student: expected one folder with --loss ", options.loss, ", found ", students.size(),
               "; only students of --loss layers share a teacher's pass");
  }
  const std::vector<std::string> outs = split(options.out, ',');
  if (outs.size() != students.size()) {
    fail_usage("out: expected a folder for each of ", students.size(), " students, found ", outs.size());
  }
  std::vector<DistillOptions> each(students.size(), options);
  std::set<fs::path> folders;
  for (size_t i = 0; i < each.size(); ++i) {
    if (students[i].empty() || outs[i].empty()) fail_usage("student and out: expected folders, found an empty name");
    each[i].student = students[i], each[i].out = outs[i];
    if (!folders.insert(run_folder(fs::absolute(outs[i]).lexically_normal())).second) {
      fail_usage("out: expected a folder for each student, found ", outs[i], " twice");
    }
  }
  return each;
}

std::vector<DistillResult> distill_layers(std::vector<DistillOptions> each, bool overwrite, bool resume,
                                          const std::string& command) {
  Inputs inputs;
  for (const auto& options : each) {
    check_options(options);
    for (auto& input : inputs_of(options)) inputs.push_back(std::move(input));
  }
  std::vector<std::unique_ptr<OutputFolder>> folders;
  for (const auto& options : each) folders.push_back(std::make_unique<OutputFolder>(options.out, overwrite, inputs));
  const ModelConfig teacher_config = read_config(each.front().teacher);
  for (auto& options : each) {
    prepare(options, teacher_config, read_config(options.student));
    check_same_settings(each.front(), options);
  }
  const DistillOptions& shared = each.front();  // of which only the student's and the result's places are not
  prepare_device(shared.train);

  Model teacher = load_model(shared.teacher, shared.train.options());
  teacher.require_grad(false);
  const std::shared_future<int64_t> weights = begin_checksum(teacher);
  DistillationRows made = distillation_rows(each.front(), teacher);
  TeacherRows& rows = made.train;
  std::vector<std::unique_ptr<DistillStudent>> students;
  for (auto& options : each) {
    options.held_out = shared.held_out;  // now that the text is known
    students.push_back(std::make_unique<DistillStudent>(options));
  }
  const auto stages = parse_length_stages(shared.lengths);
  const SharedLoss loss = [&](int64_t first, int64_t count, const std::vector<LossSink>& add) {
    const int64_t step = first / shared.train.rows_per_step();
    const int64_t length = length_at(stages, step, shared.train.steps(), shared.train.length);
    const TeacherBatch batch = rows.text(first, count, length);
    std::vector<LayerStudent> learners;
    for (size_t i = 0; i < add.size(); ++i) {
      if (add[i]) learners.push_back({students[i]->model, add[i]});
    }
    layer_losses(learners, teacher, batch.ids, shared.layer, batch.rows);
  };
  const auto held_out_loss = [&](const Model& student) {
    return mean_over_rows(shared, [&](int64_t first, int64_t count) {
      const TeacherBatch batch = made.held_out->text(first, count);
      at::Tensor sum = at::zeros({});
      const auto add = [&](const at::Tensor& term) { sum = sum + term.cpu(); };
      layer_losses({{student, add}}, teacher, batch.ids, shared.layer, batch.rows);
      return sum;
    });
  };
  const Json content = distillation_content(teacher_config, weights.get(), rows.text_identity(), shared.held_out);
  std::vector<TrainTask> tasks;
  for (const auto& student : students) {
    tasks.push_back(student->task(resume));
    tasks.back().content.update(content);
    tasks.back().fixed = {&teacher};
    if (shared.held_out > 0) tasks.back().held_out = [&, of = student.get()] { return held_out_loss(of->model); };
    if (students.size() > 1) tasks.back().label += " " + student->options.out;
  }
  const std::vector<TrainReport> reports = train_together(tasks, loss, shared.train);
  std::vector<DistillResult> results;
  for (size_t i = 0; i < students.size(); ++i) {
    results.push_back(students[i]->write(*folders[i], reports[i], command));
  }
  // Checkpoints go last: a run that is stopped here goes on from the last step of all.
  for (const auto& folder : folders) folder->commit();
  for (const auto& student : students) student->remove_run_checkpoints();
  return results;
}

}  // namespace zebra
