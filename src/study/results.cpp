#include "study/results.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "data/world/tasks.h"
#include "eval/task_results.h"
#include "study/claims.h"
#include "train/metrics.h"
#include "train/trainer.h"
#include "upcycle/plan.h"

namespace zebra {

namespace {

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

// Null where neither the harness gives one nor it follows from the numbers of right and wrong answers: of mmlu it gives
// none once a subject has a single document.
Json score_error(const Json& result, const std::string& key) {
  std::string error = key;
  error.insert(key.find(','), "_stderr");
  if (result.contains(error) && result[error].is_number()) return result[error];
  const double score = result[key], documents = result.value("sample_len", 0.0);
  if (!key.starts_with("acc") || documents < 2) return {};
  return std::sqrt(score * (1 - score) / (documents - 1));
}

// {"score": .., "stderr": .., "questions": ..}, or null where the task was not scored.
Json task_score(const Json& scored, const std::string& task) {
  if (!scored.is_object() || !scored.contains("results") || !scored["results"].contains(task)) return {};
  const Json& result = scored["results"][task];
  const std::string key = score_key(result);
  if (key.empty()) return {};
  return {{"score", result[key]},
          {"stderr", score_error(result, key)},
          {"questions", static_cast<int64_t>(result.value("sample_len", 0.0))}};
}

// Tasks weigh the same; their errors are independent.
Json average(const Json& tasks) {
  double sum = 0, squares = 0;
  int64_t questions = 0;
  bool errors = true;
  for (const auto& [task, score] : tasks.items()) {
    if (score.is_null()) return {};  // a mean of other tasks than the other rows' would only mislead
    sum += score["score"].get<double>(), questions += score["questions"].get<int64_t>();
    errors = errors && score["stderr"].is_number();
    if (errors) squares += std::pow(score["stderr"].get<double>(), 2);
  }
  if (tasks.empty()) return {};
  const auto count = static_cast<double>(tasks.size());
  return {
      {"score", sum / count}, {"stderr", errors ? Json(std::sqrt(squares) / count) : Json()}, {"questions", questions}};
}

// [tokens, mean loss] of the run in equal parts, in the order of time.
Json learning(const fs::path& metrics) {
  constexpr size_t kParts = 40;
  std::vector<double> tokens, losses;
  for (const Curve& curve : read_curves(metrics)) {
    if (curve.name == "tokens") tokens = curve.values;
    if (curve.name == "loss") losses = curve.values;
  }
  Json points = Json::array();
  const size_t steps = std::min(tokens.size(), losses.size()), parts = std::min(steps, kParts);
  for (size_t part = 0; part < parts; ++part) {
    const size_t begin = steps * part / parts, end = steps * (part + 1) / parts;
    double sum = 0, count = 0;
    for (size_t step = begin; step < end; ++step) {
      if (std::isfinite(losses[step])) sum += losses[step], ++count;
    }
    if (count > 0) points.push_back({tokens[end - 1], sum / count});
  }
  return points;
}

Json row_json(const TableRow& row, const std::vector<std::string>& tasks, const std::vector<StagePlan>& plans,
              const StageLedger& ledger) {
  const StagePlan& plan = plan_of(plans, row.scores);
  const CacheCost cost = cache_cost(*plan.model);
  std::set<std::string> seen;
  const Json scores = ledger.result(row.scores);
  Json json = {{"row", row.key},
               {"name", row.name},
               {"parameters", plan.parameters},
               {"kv_percent", cost.percent()},
               {"context", plan.model->max_position},
               {"context_percent", cache_at(*plan.model, plan.model->max_position).percent()},
               {"cache_bytes_per_token", cost.per_token},
               {"mla_layers", layers_json(*plan.model)["mla_layers"]},
               {"tokens", training_tokens(plans, row.scores, seen)}};
  for (const char* key : {"kl", "ppl", "agreement"})
    json[key] = scores.is_object() ? scores.value(key, Json()) : Json();
  for (const auto& [shots, stage] : row.tasks) {
    const Json scored = ledger.result(stage);
    Json by_task = Json::object();
    for (const auto& task : tasks) by_task[task] = task_score(scored, task);
    json["averages"][std::to_string(shots)] = average(by_task);
    json["tasks"][std::to_string(shots)] = std::move(by_task);
  }
  // The row's last training has its name.
  const auto made =
      std::find_if(plans.begin(), plans.end(), [&](const auto& each) { return each.stage.name == row.key; });
  const bool learned = made != plans.end() && made->loss_is_kl;
  const fs::path metrics = learned ? run_folder(made->output) / kMetricsName : fs::path();
  if (learned && fs::exists(metrics)) json["learning"] = learning(metrics);
  if (!row.recall.empty()) json["recall"] = task_score(ledger.result(row.recall), world::kRecallTask);
  return json;
}

std::string percent(const Json& score) {
  return cell(score.is_object() ? score["score"] : Json(), 100, 2);
}

}  // namespace

Json reproduce_results(const Reproduction& made, const ReproduceOptions& options, const std::vector<StagePlan>& plans,
                       const StageLedger& ledger) {
  Json json = {{"teacher", options.teacher}};
  json["large_teacher"] = options.large_teacher.empty() ? Json() : Json(options.large_teacher);
  json["tokens"] = options.tokens;
  json["seeds"] = {options.seed};
  json["tasks"] = made.tasks;
  json["shots"] = made.tasks.empty() ? std::vector<int64_t>() : options.shots;
  json["rows"] = Json::array();
  for (const auto& row : made.rows) json["rows"].push_back(row_json(row, made.tasks, plans, ledger));
  json["claims"] = judge_claims(json);
  return json;
}

std::string cell(const Json& value, double scale, int digits) {
  return value.is_number() ? fixed(scale * value.get<double>(), digits) : "-";
}

std::vector<Cells> task_cells(const Json& results, int64_t shots) {
  std::vector<Cells> cells = {{""}};
  cells[0].insert(cells[0].end(), results["tasks"].begin(), results["tasks"].end());
  for (const Json& row : results["rows"]) {
    cells.push_back({row["row"]});
    for (const auto& [task, score] : row["tasks"][std::to_string(shots)].items())
      cells.back().push_back(percent(score));
  }
  return cells;
}

std::vector<Cells> results_cells(const Json& results) {
  const auto shots = results["shots"].get<std::vector<int64_t>>();
  const bool recall = results["rows"].front().contains("recall");
  std::vector<Cells> cells = {
      {"", "row", "parameters", "KV %", "with states", "tokens", "KL", "perplexity", "same choice %"}};
  for (const Json& row : results["rows"]) {
    cells.push_back({row["row"], row["name"], short_count(row["parameters"].get<double>()),
                     cell(row["kv_percent"], 1, 2), cell(row.value("context_percent", Json()), 1, 2),
                     short_count(row["tokens"].get<double>()), cell(row["kl"], 1, 4), cell(row["ppl"], 1, 3),
                     cell(row["agreement"], 100, 2)});
  }
  if (!shots.empty()) {
    const auto tasks = task_cells(results, shots.front());
    for (size_t i = 0; i < cells.size(); ++i) {
      cells[i].insert(cells[i].end(), tasks[i].begin() + 1, tasks[i].end());
    }
  }
  for (const int64_t count : shots) cells[0].push_back(cat("mean ", count, "-shot"));
  if (recall) cells[0].push_back("recall");
  for (size_t i = 1; i < cells.size(); ++i) {
    const Json& row = results["rows"][i - 1];
    for (const int64_t count : shots) cells[i].push_back(percent(row["averages"][std::to_string(count)]));
    if (recall) cells[i].push_back(percent(row["recall"]));
  }
  return cells;
}

}  // namespace zebra
