#include "pipeline/report.h"

#include <algorithm>

#include "base/child.h"
#include "base/command.h"
#include "base/error.h"
#include "base/text.h"
#include "base/text_table.h"
#include "eval/task_results.h"
#include "model/describe.h"

namespace zebra {

namespace {

std::string hours_text(double hours) {
  return hours < 0.01 ? "< 0.01" : fixed(hours, 2);
}

const StagePlan* last_model(const std::vector<StagePlan>& plans) {
  for (auto plan = plans.rbegin(); plan != plans.rend(); ++plan) {
    if (plan->model && plan->stage.verb != "eval") return &*plan;
  }
  return nullptr;
}

Json memory_json(const TrainingMemory& memory) {
  return {{"weights", memory.weights},         {"gradients", memory.gradients}, {"moments", memory.moments},
          {"activations", memory.activations}, {"teacher", memory.teacher},     {"total", memory.total()}};
}

// Where the dry run shows the whole cache, states included.
constexpr int64_t kLengths[] = {2048, 8192, 131072};

Json with_states(const ModelConfig& config) {
  Json out = Json::object();
  for (const int64_t length : kLengths) out[std::to_string(length)] = cache_at(config, length).percent();
  return out;
}

Json model_json(const StagePlan& plan) {
  const CacheCost cost = cache_cost(*plan.model);
  return {{"parameters", plan.parameters},
          {"cache_bytes_per_token", cost.per_token},
          {"cache_bytes_per_sequence", cost.per_sequence},
          {"kv_percent", cost.percent()},
          {"kv_percent_with_states", with_states(*plan.model)},
          {"layers_assumed", plan.layers_assumed},
          {"ranks_assumed", plan.ranks_assumed}};
}

std::string memory_text(const TrainingMemory& memory) {
  return cat("weights ", bytes_text(memory.weights), ", gradients ", bytes_text(memory.gradients), ", moments ",
             bytes_text(memory.moments), ", activations ", bytes_text(memory.activations), ", teacher ",
             bytes_text(memory.teacher));
}

// Of the stage that needs most.
double most_memory(const std::vector<StagePlan>& plans) {
  double most = 0;
  for (const auto& plan : plans) {
    if (plan.trains()) most = std::max(most, plan.memory.total());
  }
  return most;
}

// The smallest usual card, in GB, that holds it; 0 where none does.
int card_of(double bytes) {
  for (const int card : {24, 48, 80, 141}) {
    if (bytes <= card * 1e9) return card;
  }
  return 0;
}

std::string card_text(double bytes) {
  const int card = card_of(bytes);
  const std::string need = cat("The largest stage needs ", bytes_text(bytes), ": ");
  if (card > 0) return cat(need, "it fits a card of ", card, " GB (of 24, 48, 80 and 141).\n");
  return need +
         "no card of 24, 48, 80 or 141 GB holds it; a smaller --set micro_tokens, --set checkpointing=true, "
         "--set dtype=bf16 or a smaller teacher take less.\n";
}

// Numbers of a result that the summary shows, where the verb measured them.
std::optional<double> score(const StagePlan& plan, const Json& result, const std::string& key) {
  if (!result.is_object()) return std::nullopt;
  if (result.contains(key) && result[key].is_number()) return result[key].get<double>();
  // The loss of an end-to-end distillation is a KL too, on its own text: best of rows that it did not train on.
  if (key == "kl" && plan.loss_is_kl) {
    if (result.contains("held_out")) return result["held_out"]["after"].get<double>();
    // It is null where its lines of a damaged metrics.jsonl were lost.
    if (result.contains("last_loss") && result["last_loss"].is_number()) return result["last_loss"].get<double>();
  }
  return std::nullopt;
}

// A row for each task that a stage asked, and their mean where all are accuracies.
std::string task_table(const std::vector<StagePlan>& plans, const StageLedger& ledger) {
  std::vector<Cells> rows = {{"stage", "task", "metric", "value"}};
  for (const auto& plan : plans) {
    const Json result = ledger.result(plan.stage.name);
    const std::string* asked = plan.stage.find("tasks");
    if (!asked || !result.is_object() || !result.contains("results")) continue;
    double sum = 0;
    size_t accuracies = 0;
    const auto tasks = split(*asked, ',');
    for (const auto& task : tasks) {
      const Json scores = result["results"].value(task, Json::object());  // of a group as a whole
      const std::string key = score_key(scores);
      if (key.empty()) continue;
      rows.push_back({plan.stage.name, task, key.substr(0, key.find(',')), fixed(scores[key].get<double>(), 4)});
      if (key.starts_with("acc")) sum += scores[key].get<double>(), ++accuracies;
    }
    if (tasks.size() > 1 && accuracies == tasks.size()) {
      rows.push_back({plan.stage.name, "mean", "", fixed(sum / static_cast<double>(accuracies), 4)});
    }
  }
  return rows.size() > 1 ? cat("\n", text_table(rows)) : std::string();
}

}  // namespace

double Throughput::hours(const StagePlan& plan) const {
  constexpr double kGpu = 989, kProcessor = 0.4;
  const double peak = tflops > 0 ? tflops : plan.device == "cuda" ? kGpu : kProcessor;
  return plan.flops / (peak * 1e12 * mfu) / 3600;
}

std::string plan_table(const Recipe& recipe, const std::vector<StagePlan>& plans, const Throughput& throughput) {
  std::string out = recipe.name + "\n";
  if (!recipe.about.empty()) out += recipe.about + "\n";
  std::vector<Cells> rows = {{"stage", "verb", "parameters", "cache B/token", "B/sequence", "KV %", "2k+states %",
                              "tokens", "memory", "hours"}};
  double hours = 0, tokens = 0;
  bool layers_assumed = false, ranks_assumed = false, unknown = false;
  for (const auto& plan : plans) {
    out += cat("\n# ", plan.stage.name, "\n$ ", command_line(plan.arguments), "\n");
    if (plan.trains()) out += "  " + memory_text(plan.memory) + "\n";
    Cells row = {plan.stage.name, plan.stage.verb};
    if (plan.model) {
      const CacheCost cost = cache_cost(*plan.model);
      row.insert(row.end(), {short_count(static_cast<double>(plan.parameters)), fixed(cost.per_token, 0),
                             fixed(cost.per_sequence, 0), fixed(cost.percent(), 2),
                             fixed(cache_at(*plan.model, kLengths[0]).percent(), 2)});
    } else {
      row.insert(row.end(), 5, "-");
    }
    if (plan.trains()) {
      hours += throughput.hours(plan), tokens += static_cast<double>(plan.tokens);
      const bool known = plan.tokens > 0;
      unknown = unknown || !known;
      row.insert(row.end(), {known ? short_count(static_cast<double>(plan.tokens)) : "?",
                             bytes_text(plan.memory.total()), known ? hours_text(throughput.hours(plan)) : "?"});
    } else {
      row.insert(row.end(), 3, "-");
    }
    layers_assumed = layers_assumed || plan.layers_assumed;
    ranks_assumed = ranks_assumed || plan.ranks_assumed;
    rows.push_back(row);
  }
  out += "\n" + text_table(rows) + "\n" + short_count(tokens) + " training tokens, " + hours_text(hours) +
         " hours of training";
  out += cat(" at ", throughput.tflops > 0 ? cat(throughput.tflops) : "989 (cuda) or 0.4 (cpu)", " TFLOPS x ",
             throughput.mfu, "; --tflops and --mfu name yours.\n");
  if (const StagePlan* last = last_model(plans); last && cache_cost(*last->model).per_sequence > 0) {
    out +=
        cat("KV % is of the bytes that one more token costs. The whole cache of a sequence, states included, beside "
            "the attention model's: ",
            cache_use_text(*last->model, {std::begin(kLengths), std::end(kLengths)}), ".\n");
  }
  if (const double most = most_memory(plans); most > 0) out += card_text(most);
  if (unknown) out += "? = the examples of align are not there yet; the sums leave it out.\n";
  if (layers_assumed)
    out +=
        "Which layers become MLA, or get which rank, is for select to say; evenly spread ones stand for them here.\n";
  if (ranks_assumed) {
    out +=
        "The rank of each layer is for --rank energy to say when it has the weights; --kv-rank stands for all of them "
        "here, so that the model's cache and KV % may be smaller or larger.\n";
  }
  return out;
}

Json plan_json(const Recipe& recipe, const std::vector<StagePlan>& plans, const Throughput& throughput) {
  Json json = {{"recipe", recipe.name}, {"teacher", recipe.teacher}, {"stages", Json::array()}};
  double hours = 0;
  int64_t tokens = 0;
  for (const auto& plan : plans) {
    Json stage = {{"stage", plan.stage.name},
                  {"verb", plan.stage.verb},
                  {"command", command_line(plan.arguments)},
                  {"out", plan.output}};
    if (plan.model) stage.update(model_json(plan));
    if (plan.trains()) {
      const bool known = plan.tokens > 0;
      stage["tokens"] = known ? Json(plan.tokens) : Json(nullptr);
      stage["flops"] = known ? Json(plan.flops) : Json(nullptr);
      stage["memory_bytes"] = memory_json(plan.memory);
      stage["hours"] = known ? Json(throughput.hours(plan)) : Json(nullptr);
      hours += throughput.hours(plan), tokens += plan.tokens;
    }
    json["stages"].push_back(stage);
  }
  json["tokens"] = tokens;
  json["hours"] = hours;
  const double most = most_memory(plans);
  json["memory_bytes"] = most > 0 ? Json(most) : Json(nullptr);
  json["fits_card_gb"] = most > 0 && card_of(most) > 0 ? Json(card_of(most)) : Json(nullptr);
  const StagePlan* last = last_model(plans);
  json["model"] = last ? Json(last->output) : Json(nullptr);
  const bool known = last && !last->ranks_assumed;
  json["kv_percent"] = known ? Json(cache_cost(*last->model).percent()) : Json(nullptr);
  return json;
}

std::string summary_table(const std::vector<StagePlan>& plans, const StageLedger& ledger) {
  std::vector<Cells> rows = {{"stage", "verb", "seconds", "KV %", "KL", "perplexity"}};
  const auto number = [](const std::optional<double>& value, int digits) {
    return value ? fixed(*value, digits) : std::string("-");
  };
  for (const auto& plan : plans) {
    const Json result = ledger.result(plan.stage.name);
    rows.push_back({plan.stage.name, plan.stage.verb, number(ledger.seconds(plan.stage.name), 1),
                    plan.model ? fixed(cache_cost(*plan.model).percent(), 2) : "-",
                    number(score(plan, result, "kl"), 4), number(score(plan, result, "ppl"), 3)});
  }
  const StagePlan* last = last_model(plans);
  return cat("\n", text_table(rows), task_table(plans, ledger)) +
         (last ? cat("\nThe model is in ", last->output, "\n") : "");
}

Json summary_json(const Recipe& recipe, const std::vector<StagePlan>& plans, const StageLedger& ledger) {
  Json json = {{"recipe", recipe.name}, {"teacher", recipe.teacher}, {"stages", Json::array()}};
  for (const auto& plan : plans) {
    Json stage = {{"stage", plan.stage.name}, {"verb", plan.stage.verb}, {"out", plan.output}};
    if (plan.model) stage.update(model_json(plan));
    const auto seconds = ledger.seconds(plan.stage.name);
    stage["seconds"] = seconds ? Json(*seconds) : Json(nullptr);
    stage["result"] = ledger.result(plan.stage.name);
    json["stages"].push_back(stage);
  }
  const StagePlan* last = last_model(plans);
  json["model"] = last ? Json(last->output) : Json(nullptr);
  return json;
}

}  // namespace zebra
