#include "train/distill_student.h"

#include <set>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "io/json_fields.h"
#include "model/names.h"
#include "train/checkpoint.h"
#include "train/freeze.h"
#include "train/report_page.h"
#include "train/run_checks.h"

namespace zebra {

namespace {

// Parameters of the mixers that replaced attention; the rest came trained.
std::set<std::string> new_parameters(Model& model) {
  std::set<std::string> names;
  for (int64_t layer = 0; layer < model.config().layers(); ++layer) {
    const auto index = static_cast<size_t>(layer);
    if (!model.config().mixers[index]->converted()) continue;
    Block& block = model.blocks()[index];
    block.mixer->parameters(cat(layer_prefix(layer), ".", block.mixer_key),
                            [&](const std::string& name, const at::Tensor&) { names.insert(name); });
  }
  return names;
}

}  // namespace

Inputs inputs_of(const DistillOptions& options) {
  Inputs inputs(options.data.begin(), options.data.end());
  for (const auto& each : {options.teacher, options.student, options.teacher_cache}) inputs.push_back(each);
  return inputs;
}

DistillStudent::DistillStudent(DistillOptions prepared)
    : options(std::move(prepared)),
      model(load_model(options.student, options.train.options())),
      frozen(frozen_parameters(model.config(), options.freeze)),
      stored(WeightSource::open(options.student)) {}

TrainTask DistillStudent::task(bool resume) {
  TrainTask task{.model = model};
  task.is_new = [names = new_parameters(model)](const std::string& name) { return names.count(name) > 0; };
  task.is_frozen = [this](const std::string& name) { return frozen.count(name) > 0; };
  if (options.train.dtype != "fp32") task.stored = [this](const std::string& name) { return stored->get(name); };
  task.run = run_folder(options.out);
  task.identity = identity_of(save_fields(options));
  task.identity.erase("teacher_cache");              // where the same numbers come from
  task.identity["held_out"] = options.held_out > 0;  // how many is told with the text, on which it depends
  task.identity["student_checksum"] = checksum(model);
  task.content["student_config"] = checksum(model.config());
  task.resume = resume;
  task.label = "distilling";
  return task;
}

DistillResult DistillStudent::write(const OutputFolder& folder, TrainReport report, const std::string& command) {
  Json held_out = Json::object();
  if (report.held_out) {
    HeldOutReport& found = *report.held_out;
    found.rows = options.held_out;
    const std::string name = options.loss_name();
    held_out = {{"rows", found.rows}, {name + " before", found.before}, {name, found.after}, {"step", found.step}};
    if (found.after > found.before) {
      log_warning(cat(options.out, ": the ", name, " on held-out rows rose from ", fixed(found.before, 4), " to ",
                      fixed(found.after, 4), ": the result is farther from its teacher than the student it began as; ",
                      "train on more --tokens, or with a smaller --lr"));
    }
  }
  save_model(folder.path(), model);
  copy_companions(options.student, folder.path());
  write_summary(folder.path(),
                {.title = fs::path(options.out).filename().string(),
                 .origin = cat("Distilled from `", options.teacher, "`."),
                 .command = command,
                 .before = options.student,
                 .report = report,
                 .settings = save_fields(options),
                 .held_out = held_out},
                model.config(), run_folder(options.out));
  return {.report = report, .settings = options.train, .parameters = model.parameter_count()};
}

void DistillStudent::remove_run_checkpoints() const {
  remove_checkpoints(run_folder(options.out));
}

}  // namespace zebra
