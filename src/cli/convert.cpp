// zebra convert: a student from a teacher, without training.
#include <cstdio>

#include "cli/field_options.h"
#include "cli/model_flags.h"
#include "cli/verbs.h"
#include "upcycle/convert.h"

namespace zebra::cli {

namespace {

struct Options {
  std::string teacher, out;
  FieldOptions fields;
  ModelOptions model;
  bool overwrite = false, json = false;
};

void run(const Options& options) {
  ConvertTask task;
  task.teacher = options.teacher, task.out = options.out;
  task.settings = options.fields.read(ConvertSettings{});
  read_selection(task.settings);  // the card names layers, not a file
  const ModelConfig teacher = read_config(options.teacher);
  refuse_unused_flags(task.settings, teacher, plan_student(teacher, student_options(task.settings)));
  task.device = options.model.apply(options.teacher).device();
  task.overwrite = options.overwrite;
  task.command =
      command_text("convert " + shell_word(options.teacher) + " --out " + shell_word(options.out), task.settings);
  const auto summary = convert(task);
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
  verb->add_option("teacher", options->teacher,
                   "checkpoint folder of the Transformer, or of a hybrid, whose attention layers are then converted")
      ->required();
  verb->add_option("--out", options->out, "folder to write")->required();
  verb->add_flag("--overwrite", options->overwrite, "replace --out if it exists");
  verb->add_flag("--json", options->json, "one JSON object instead of a table");
  options->fields.add_recipe(*verb);
  options->fields.add_flags(*verb, ConvertSettings{});
  add_model_flags(*verb, options->model);
  verb->callback([options] { run(*options); });
}

}  // namespace zebra::cli
