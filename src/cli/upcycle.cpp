// zebra upcycle: all stages of a recipe, each as the command that a person would type. What is done already is not done
// again, so the same command goes on after a stop.
#include <cstdio>
#include <memory>

#include "base/error.h"
#include "cli/ranges.h"
#include "cli/stage_verbs.h"
#include "cli/verbs.h"
#include "pipeline/recipe_files.h"
#include "pipeline/report.h"
#include "pipeline/run.h"

namespace zebra::cli {

namespace {

struct Options {
  std::string recipe, teacher, out;
  std::vector<std::string> assignments;
  int64_t jobs = 1;
  bool dry_run = false, json = false;
  Throughput throughput;
};

Recipe read_recipe(const Options& options) {
  const fs::path file = find_recipe(options.recipe);
  Recipe recipe = load_recipe(file, stage_verbs().known);
  for (const auto& assignment : options.assignments) set_recipe(recipe, assignment, stage_verbs().known);
  if (!options.teacher.empty()) recipe.teacher = options.teacher;
  recipe.teacher = teacher_folder(recipe.teacher);
  check_references(recipe, file.string());
  return recipe;
}

void run(const Options& options) {
  const Recipe recipe = read_recipe(options);
  const std::string out = options.out.empty() ? "out/" + recipe.name : options.out;
  const auto plans = plan_stages(recipe, out, stage_verbs(), !options.dry_run);
  if (options.dry_run) {
    const std::string text = options.json ? plan_json(recipe, plans, options.throughput).dump(2) + "\n"
                                          : plan_table(recipe, plans, options.throughput);
    std::fputs(text.c_str(), stdout);
    return;
  }
  const StageLedger ledger = run_recipe(recipe, out, plans, stage_verbs(), options.jobs);
  const auto made = plan_stages(recipe, out, stage_verbs(), false);  // now with the layers that were chosen
  const std::string text =
      options.json ? summary_json(recipe, made, ledger).dump(2) + "\n" : summary_table(made, ledger);
  std::fputs(text.c_str(), stdout);
}

}  // namespace

void add_upcycle(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("upcycle", "all stages of a recipe, from the teacher to the measured model");
  verb->add_option("RECIPE", options->recipe, "a file, or a name from zebra recipes list")->required();
  verb->add_option("--teacher", options->teacher, "checkpoint folder of the Transformer (default: the recipe's)");
  verb->add_option("--out", options->out, "folder for all outputs (default: out/NAME)");
  verb->add_option("--set", options->assignments, "STAGE.key=value, or key=value for all stages; any number of times")
      ->allow_extra_args(false);  // the word after it is the recipe, not another value
  verb->add_option("--jobs", options->jobs, "stages that run at once; small models leave most of a device idle")
      ->check(between(1, 64))
      ->capture_default_str();
  verb->add_flag("--dry-run", options->dry_run, "only check, and print commands, sizes, memory and hours");
  verb->add_flag("--json", options->json, "one JSON object instead of a table");
  verb->add_option("--tflops", options->throughput.tflops,
                   "dry run: peak speed, 1e12 operations a second (default: 989 for device cuda, 0.4 for cpu)")
      ->check(positive());
  verb->add_option("--mfu", options->throughput.mfu, "dry run: part of the peak that training reaches")
      ->check(between(0.001, 1.0))
      ->capture_default_str();
  verb->callback([options] { run(*options); });
}

}  // namespace zebra::cli
