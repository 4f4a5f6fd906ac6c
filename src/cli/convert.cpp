// zebra convert: a student from a teacher, without training.
#include <cstdio>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/field_options.h"
#include "cli/model_options.h"
#include "cli/verbs.h"
#include "model/checkpoint.h"
#include "upcycle/card.h"
#include "upcycle/search.h"

namespace zebra::cli {

namespace {

struct Options {
  std::string teacher, out;
  FieldOptions fields;
  ModelOptions model;
  bool overwrite = false, json = false;
};

ConversionRequest make_request(const WeightSource& source, const ModelConfig& teacher, const ConvertSettings& settings,
                               at::Device device) {
  const auto student = student_options(settings);
  ConversionRequest request{source, teacher, plan_student(teacher, student)};
  request.init = student.init;
  request.refit = student.refit;
  request.seed = static_cast<uint64_t>(settings.seed);
  request.device = device;
  return request;
}

void run(const Options& options) {
  auto settings = options.fields.read(ConvertSettings{});
  read_selection(settings);
  const auto device = options.model.apply().device();
  const auto teacher = read_config(options.teacher);
  const auto source = WeightSource::open(options.teacher);
  check_weights(*source, teacher);
  auto request = make_request(*source, teacher, settings, device);
  OutputFolder out(options.out, options.overwrite);

  ConversionSummary summary;
  summary.teacher = options.teacher;
  summary.command =
      command_text("convert " + shell_word(options.teacher) + " --out " + shell_word(options.out), settings);
  std::optional<Calibration> calibration;
  if (request.init == Init::refined || !settings.calibration.empty()) {
    const int64_t tokens =
        settings.calibration_tokens > 0 ? settings.calibration_tokens : default_calibration_tokens(teacher);
    calibration = make_calibration(options.teacher, teacher, settings.calibration, tokens, request.seed, settings.bos);
    summary.calibration = cat(calibration->fitted() * calibration->ids.size(1), " tokens, ", calibration->origin);
    request.calibration = &*calibration;
  }
  choose_frequencies(request, {settings.split == "auto"});

  WeightWriter writer(out.path(), student_tensors(*source, teacher, request.student));
  Progress progress("convert", static_cast<double>(teacher.layers()));
  request.each_layer = [&](int64_t done) { progress.update(static_cast<double>(done), "layers"); };
  summary.report =
      run_conversion(request, [&](const std::string& name, const at::Tensor& value) { writer.put(name, value); });
  progress.finish();
  writer.finish();
  write_config(out.path(), summary.report.student);
  copy_companions(options.teacher, out.path());
  write_file(out.path() / "README.md", conversion_card(summary));
  out.commit();
  if (options.json) {
    std::printf("%s\n", conversion_json(summary).dump().c_str());
  } else {
    std::printf("%s", conversion_table(summary).c_str());
  }
}

}  // namespace

void add_convert(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* verb =
      app.add_subcommand("convert", "make a student of MLA and Mamba2 layers from a Transformer, no training");
  verb->add_option("teacher", options->teacher, "checkpoint folder of the Transformer")->required();
  verb->add_option("--out", options->out, "folder to write")->required();
  verb->add_flag("--overwrite", options->overwrite, "replace --out if it exists");
  verb->add_flag("--json", options->json, "one JSON object instead of a table");
  options->fields.add_recipe(*verb);
  options->fields.add_flags(*verb, ConvertSettings{});
  options->model.add_to(*verb);
  verb->callback([options] { run(*options); });
}

}  // namespace zebra::cli
