// zebra reproduce: the papers' models made of one teacher, side by side in one table.
#include <cstdio>
#include <memory>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/ranges.h"
#include "cli/stage_verbs.h"
#include "cli/token_count.h"
#include "cli/verbs.h"
#include "model/checkpoint.h"
#include "pipeline/recipe_files.h"
#include "pipeline/report.h"
#include "pipeline/run.h"
#include "study/page.h"
#include "study/results.h"
#include "study/seeds.h"

namespace zebra::cli {

namespace {

struct Options {
  ReproduceOptions what;
  std::string out = "out/reproduce", tokens = "1M", rows;
  std::vector<std::string> assignments;
  int64_t seeds = 1, jobs = 1;
  bool dry_run = false, json = false;
};

// Of the first seed: the others' plans differ only in theirs.
std::string plan_text(const Options& options, const Recipe& recipe, const std::vector<StagePlan>& plans) {
  if (options.json) {
    Json plan = plan_json(recipe, plans, {});
    plan["seeds"] = options.seeds;
    return plan.dump(2) + "\n";
  }
  return plan_table(recipe, plans, {}) +
         (options.seeds > 1 ? cat("All of this ", options.seeds, " times, with another seed each.\n") : "");
}

void run(Options options) {
  if (!options.what.teacher.empty() && options.what.text.empty()) {
    log_warning(
        "measured on the generated world: a teacher that never read of it is better measured with --text and --tasks");
  }
  options.what.teacher = teacher_folder(options.what.teacher);
  options.what.tokens = token_count(options.tokens, 1);
  if (!options.rows.empty()) options.what.rows = split(options.rows, ',');
  for (const auto& assignment : options.assignments) {
    const std::string key = assignment.substr(0, assignment.find('='));
    if (options.seeds > 1 && (key == "seed" || key.ends_with(".seed"))) {
      fail_usage("--set ", assignment, ": with --seeds every row has several; --seed names the first");
    }
  }
  const fs::path folder = options.out;
  for (const char* name : {"results.json", "report.html"}) {
    if (fs::exists(folder / name) && !fs::exists(folder / "stages.json")) {
      fail_usage((folder / name).string(), " exists already, of something else: choose another --out");
    }
  }
  const ModelConfig teacher = read_config(options.what.teacher);
  std::vector<Json> of_seeds;
  for (int64_t i = 0; i < options.seeds; ++i) {
    const std::string out = i == 0 ? options.out : cat(options.out, "/seed-", options.what.seed);
    Reproduction made = plan_reproduction(options.what, teacher, stage_verbs().known);
    for (const auto& assignment : options.assignments) set_recipe(made.recipe, assignment, stage_verbs().known);
    const auto plans = plan_stages(made.recipe, out, stage_verbs(), !options.dry_run);
    if (options.dry_run) {
      std::fputs(plan_text(options, made.recipe, plans).c_str(), stdout);
      return;
    }
    if (options.seeds > 1) log_line(cat("\nseed ", options.what.seed, ", ", i + 1, " of ", options.seeds));
    const StageLedger ledger = run_recipe(made.recipe, out, plans, stage_verbs(), options.jobs);
    const auto done = plan_stages(made.recipe, out, stage_verbs(), false);  // now with the layers that were chosen
    of_seeds.push_back(reproduce_results(made, options.what, done, ledger));
    ++options.what.seed;
  }
  const Json results = options.seeds == 1 ? of_seeds.front() : mean_of_seeds(of_seeds);
  write_json(fs::path(options.out) / "results.json", results);
  write_file(fs::path(options.out) / "report.html", reproduce_page(results));
  const std::string means = options.seeds > 1 ? cat("Means of ", options.seeds, " seeds.\n") : "";
  const std::string text = options.json ? results.dump(2) + "\n" : "\n" + text_table(results_cells(results)) + means;
  std::fputs(text.c_str(), stdout);
}

}  // namespace

void add_reproduce(CLI::App& app) {
  auto options = std::make_shared<Options>();
  auto& what = options->what;
  CLI::App* verb = app.add_subcommand("reproduce", "the papers' models made of one teacher, side by side in a table");
  verb->add_option("--teacher", what.teacher,
                   "folder of the Transformer (default: the one that comes with the project)");
  verb->add_option("--large-teacher", what.large_teacher, "of the same vocabulary: teaches X-EcoMLA's rows once more");
  verb->add_option("--tokens", options->tokens, "training tokens of each row")->capture_default_str();
  verb->add_option("--data", what.data, "text files to learn from, or sample")->capture_default_str();
  verb->add_option("--text", what.text, "text to measure on (default: stories of the generated world)");
  verb->add_option("--choice-text", what.choice_text, "text on which SMART chooses Zebra's layers (default: the same)");
  verb->add_option("--tasks", what.tasks,
                   "benchmarks, as of eval, or none; lambada_openai is the column recall (default: those of the "
                   "generated world, unless --text is given)");
  verb->add_option("--data-dir", what.data_dir,
                   "their documents, DIR/TASK/SPLIT.jsonl (default: made, of the generated world)");
  verb->add_option("--num-fewshot,--shots", what.shots, "examples before each of their questions: scored with each")
      ->delimiter(',')
      ->check(between(0, 1000))
      ->capture_default_str();
  verb->add_option("--limit", what.limit, "documents of each task (default: 200; with --data-dir all)")
      ->check(positive());
  verb->add_option("--preferences", what.preferences,
                   "prompt, chosen and rejected, for the row of DPO (default: of the generated world, as --text)");
  verb->add_option("--rows", options->rows,
                   "only these, as base,x_ecomla_4,llamba; all = with zebra_quarter_reference, too");
  verb->add_option("--seed", what.seed, "of everything that is random")->check(not_negative());
  verb->add_option("--seeds", options->seeds,
                   "so many of them, from --seed: every row is made with each, from the second on in OUT/seed-N, and "
                   "the table has their means")
      ->check(between(1, 100))
      ->capture_default_str();
  verb->add_option("--out", options->out,
                   "folder for all outputs, results.json among them; the same command goes on there")
      ->capture_default_str();
  verb->add_option("--set", options->assignments, "STAGE.key=value, or key=value for all stages; any number of times")
      ->allow_extra_args(false);
  verb->add_option("--jobs", options->jobs, "stages that run at once; small models leave most of a device idle")
      ->check(between(1, 64))
      ->capture_default_str();
  verb->add_flag("--dry-run", options->dry_run, "only check, and print commands, sizes, memory and hours");
  verb->add_flag("--json", options->json, "one JSON object instead of a table");
  verb->callback([options] { run(*options); });
}

}  // namespace zebra::cli
