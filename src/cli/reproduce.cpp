// zebra reproduce: the papers' models made of one teacher, side by side in one table.
#include <cstdio>
#include <memory>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/fields.h"
#include "base/text.h"
#include "base/text_table.h"
#include "cli/recipe_files.h"
#include "cli/recipe_run.h"
#include "cli/reproduce_rows.h"
#include "cli/stage_report.h"
#include "cli/stage_verbs.h"
#include "cli/verbs.h"
#include "model/checkpoint.h"

namespace zebra::cli {

namespace {

struct Options {
  ReproduceOptions what;
  std::string out = "out/reproduce", tokens = "1M", rows;
  std::vector<std::string> assignments;
  bool dry_run = false, json = false;
};

const StagePlan& plan_of(const std::vector<StagePlan>& plans, const std::string& stage) {
  for (const auto& plan : plans) {
    if (plan.stage.name == stage) return plan;
  }
  fail(ErrorKind::runtime, "reproduce: no stage ", stage);
}

// Tokens of every training that a stage's model went through.
int64_t training_tokens(const std::vector<StagePlan>& plans, const std::string& stage, std::set<std::string>& seen) {
  if (!seen.insert(stage).second) return 0;
  const StagePlan& plan = plan_of(plans, stage);
  int64_t tokens = plan.tokens;
  for (const auto& name : references(plan.stage)) tokens += training_tokens(plans, name, seen);
  return tokens;
}

// What a task's score is called: as the papers do, normalised by length where the harness gives that.
std::optional<double> task_score(const Json& result) {
  for (const char* key : {"acc_norm,none", "acc,none"}) {
    if (result.contains(key) && result[key].is_number()) return result[key].get<double>();
  }
  for (const auto& [key, value] : result.items()) {
    if (value.is_number() && key.find(',') != std::string::npos && key.find("_stderr") == std::string::npos)
      return value;
  }
  return std::nullopt;
}

Json row_json(const TableRow& row, const std::vector<StagePlan>& plans, const StageLedger& ledger) {
  const StagePlan& plan = plan_of(plans, row.scores);
  const CacheCost cost = cache_cost(*plan.model);
  std::set<std::string> seen;
  const Json scores = ledger.result(row.scores);
  Json json = {{"row", row.key},
               {"name", row.name},
               {"parameters", plan.parameters},
               {"kv_percent", cost.percent()},
               {"cache_bytes_per_token", cost.per_token},
               {"tokens", training_tokens(plans, row.scores, seen)}};
  for (const char* key : {"kl", "ppl", "agreement"})
    json[key] = scores.is_object() ? scores.value(key, Json()) : Json();
  if (row.tasks.empty()) return json;
  const Json results = ledger.result(row.tasks);
  double sum = 0;
  int64_t count = 0;
  json["tasks"] = Json::object();
  // By the names that were asked for: a group's members are no tasks of their own in a mean.
  for (const auto& task : split(*plan_of(plans, row.tasks).stage.find("tasks"), ',')) {
    if (!results.is_object() || !results.contains("results") || !results["results"].contains(task)) continue;
    const auto score = task_score(results["results"][task]);
    if (!score) continue;
    json["tasks"][task] = *score;
    sum += *score, ++count;
  }
  json["task_mean"] = count > 0 ? Json(sum / static_cast<double>(count)) : Json();
  return json;
}

std::string cell(const Json& value, double scale, int digits) {
  return value.is_number() ? fixed(scale * value.get<double>(), digits) : "-";
}

std::string results_table(const Json& rows) {
  const bool tasks = rows.front().contains("tasks");
  Cells head = {"", "row", "parameters", "KV %", "tokens", "KL", "perplexity", "same choice %"};
  if (tasks) {
    for (const auto& [task, score] : rows.front()["tasks"].items()) head.push_back(task);
    head.push_back("mean");
  }
  std::vector<Cells> cells = {head};
  for (const Json& row : rows) {
    Cells line = {row["row"],
                  row["name"],
                  short_count(row["parameters"].get<double>()),
                  cell(row["kv_percent"], 1, 2),
                  short_count(row["tokens"].get<double>()),
                  cell(row["kl"], 1, 4),
                  cell(row["ppl"], 1, 3),
                  cell(row["agreement"], 100, 2)};
    if (tasks) {
      for (const auto& [task, score] : rows.front()["tasks"].items()) {
        line.push_back(cell(row["tasks"].value(task, Json()), 100, 2));
      }
      line.push_back(cell(row["task_mean"], 100, 2));
    }
    cells.push_back(line);
  }
  return text_table(cells);
}

void run(Options options) {
  if (!options.what.teacher.empty() && options.what.text.empty()) {
    fail_usage("--text: expected a file to measure on; only the teacher that comes with the project has a default");
  }
  options.what.teacher = teacher_folder(options.what.teacher);
  if (!parse_field(options.tokens, options.what.tokens)) {
    fail_usage("--tokens: expected a number of training tokens, as 1M, found \"", options.tokens, "\"");
  }
  if (!options.rows.empty()) options.what.rows = split(options.rows, ',');
  Reproduction made = plan_reproduction(options.what, read_config(options.what.teacher));
  for (const auto& assignment : options.assignments) set_recipe(made.recipe, assignment, stage_verbs());
  const auto plans = plan_stages(made.recipe, options.out, !options.dry_run);
  if (options.dry_run) {
    const std::string text =
        options.json ? plan_json(made.recipe, plans, {}).dump(2) + "\n" : plan_table(made.recipe, plans, {});
    std::fputs(text.c_str(), stdout);
    return;
  }
  const StageLedger ledger = run_recipe(made.recipe, options.out, plans);
  const auto done = plan_stages(made.recipe, options.out, false);  // now with the layers that were chosen
  Json json = {{"teacher", options.what.teacher}, {"rows", Json::array()}};
  for (const auto& row : made.rows) json["rows"].push_back(row_json(row, done, ledger));
  write_json(fs::path(options.out) / "results.json", json);
  const std::string text = options.json ? json.dump(2) + "\n" : "\n" + results_table(json["rows"]);
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
  verb->add_option("--text", what.text, "text to measure on (default: generated stories)");
  verb->add_option("--choice-text", what.choice_text, "text on which SMART chooses Zebra's layers (default: the same)");
  verb->add_option("--tasks", what.tasks, "also score these benchmarks, as eval does");
  verb->add_option("--data-dir", what.data_dir, "their documents: DIR/TASK/SPLIT.jsonl");
  verb->add_option("--num-fewshot", what.shots, "examples before each of their questions");
  verb->add_option("--rows", options->rows, "only these, as base,x_ecomla_4,llamba");
  verb->add_option("--seed", what.seed, "of everything that is random")->check(CLI::NonNegativeNumber);
  verb->add_option("--out", options->out,
                   "folder for all outputs, results.json among them; the same command goes on there")
      ->capture_default_str();
  verb->add_option("--set", options->assignments, "STAGE.key=value, or key=value for all stages; any number of times")
      ->allow_extra_args(false);
  verb->add_flag("--dry-run", options->dry_run, "only check, and print commands, sizes, memory and hours");
  verb->add_flag("--json", options->json, "one JSON object instead of a table");
  verb->callback([options] { run(*options); });
}

}  // namespace zebra::cli
