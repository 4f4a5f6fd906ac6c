#include "upcycle/convert.h"

#include "base/error.h"
#include "base/log.h"
#include "base/output.h"
#include "io/card.h"
#include "upcycle/inherited.h"
#include "upcycle/mla_ranks.h"
#include "upcycle/mla_search.h"
#include "upcycle/teacher_notes.h"

namespace zebra {

Calibration make_calibration(const fs::path& teacher, const ModelConfig& config, const ConvertSettings& settings) {
  return make_calibration(teacher, config, settings.calibration, settings.calibration_tokens,
                          static_cast<uint64_t>(settings.seed), settings.bos);
}

ConversionSummary convert(ConvertTask task) {
  auto& settings = task.settings;
  read_selection(settings);
  const auto teacher = read_config(task.teacher);
  const auto source = WeightSource::open(task.teacher);
  check_weights(*source, teacher);
  const auto student = student_options(settings);
  ConversionRequest request{*source, teacher, plan_student(teacher, student)};
  request.mla = mla_ideas_of(student, request.student), request.mamba2 = student.mamba2;
  request.refit = refit_of(student.refit, request.student);
  request.seed = static_cast<uint64_t>(settings.seed);
  request.device = task.device;
  OutputFolder out(task.out, task.overwrite,
                   {task.teacher, settings.calibration, settings.statistics, settings.mla_layers});

  ConversionSummary summary;
  summary.teacher = task.teacher.string();
  summary.command = task.command;
  summary.notes = teacher_notes(teacher, request.student);
  const bool measures = !student.mla.reference || !student.mamba2.reference || !settings.calibration.empty();
  if (!measures && !settings.statistics.empty()) {
    fail_usage("--statistics: the reference initialisation measures nothing; leave it out or give --calibration");
  }
  std::optional<Calibration> calibration;
  if (measures) {
    if (!task.calibration) calibration = make_calibration(task.teacher, teacher, settings);
    request.calibration = task.calibration ? task.calibration : &*calibration;
    summary.calibration =
        cat(request.calibration->fitted() * request.calibration->ids.size(1), " tokens, ", request.calibration->origin);
    request.statistics = task.statistics;
    if (!settings.statistics.empty()) {
      request.statistics = statistics_file(settings.statistics, *source, teacher, *request.calibration, request.device);
    }
  }
  choose_frequencies(request, student);
  choose_ranks(request, student.rank, student.rank_energy);

  WeightWriter writer(out.path(), student_tensors(*source, teacher, request.student));
  Progress progress("convert", static_cast<double>(teacher.layers()));
  request.each_layer = [&](int64_t done) { progress.update(static_cast<double>(done), "layers"); };
  summary.report =
      run_conversion(request, [&](const std::string& name, const at::Tensor& value) { writer.put(name, value); });
  progress.finish();
  writer.finish();
  write_config(out.path(), summary.report.student);
  copy_companions(task.teacher, out.path());
  const std::string earlier = inherited_layers(teacher).empty() ? "" : earlier_card(task.teacher);
  write_file(out.path() / "README.md", conversion_card(summary) + earlier);
  out.commit();
  return summary;
}

}  // namespace zebra
