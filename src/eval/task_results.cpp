#include "eval/task_results.h"

#include <algorithm>
#include <functional>

#include "base/error.h"
#include "base/text.h"
#include "base/text_table.h"
#include "io/sha256.h"

namespace zebra {

namespace {

const char* kind_text(TaskKind kind) {
  switch (kind) {
    case TaskKind::multiple_choice:
      return "multiple_choice";
    case TaskKind::log_likelihood:
      return "loglikelihood";
    case TaskKind::rolling:
      return "loglikelihood_rolling";
    case TaskKind::generation:
      return "generate_until";
  }
  return "";
}

void put(Json& json, const MetricResult& metric) {
  json[metric.metric + "," + metric.filter] = metric.value;
  json[metric.metric + "_stderr," + metric.filter] = metric.error ? Json(*metric.error) : Json("N/A");
}

Json config_of(const TaskResult& result) {
  const Task& task = result.task;
  Json json;
  json["task"] = task.name;
  json["output_type"] = kind_text(task.kind);
  json["eval_split"] = task.split;
  json["fewshot_split"] = task.examples;
  json["description"] = task.description;
  json["target_delimiter"] = " ";
  json["fewshot_delimiter"] = "\n\n";
  json["num_fewshot"] = result.shots;
  json["metric_list"] = Json::array();
  for (const std::string& metric : task.metrics)
    json["metric_list"].push_back({{"metric", metric}, {"higher_is_better", higher_is_better(metric)}});
  if (task.kind == TaskKind::generation) {
    json["generation_kwargs"] = {{"until", task.until}, {"do_sample", false}, {"temperature", 0.0}};
    for (const AnswerFilter& filter : task.filters) json["filter_list"].push_back({{"name", filter.name}});
  }
  json["repeats"] = 1;
  json["metadata"] = {{"version", task.version}};
  return json;
}

// A key a task, in the order of names.
template <class Make>
Json by_name(const std::vector<TaskResult>& results, Make make) {
  std::vector<const TaskResult*> sorted;
  for (const TaskResult& result : results) sorted.push_back(&result);
  std::sort(sorted.begin(), sorted.end(), [](auto* a, auto* b) { return a->task.name < b->task.name; });
  Json json = Json::object();
  for (const TaskResult* result : sorted) json[result->task.name] = make(*result);
  return json;
}

std::string sanitized(const std::string& name) {
  std::string out = name;
  for (char& c : out) {
    if (std::string("\"<>:/|\\?*[]").find(c) != std::string::npos) c = '_';
  }
  for (size_t twice; (twice = out.find("____")) != std::string::npos;) out.erase(twice, 1);
  return out;
}

Json token_json(const Tokenizer& tokenizer, int64_t id) {
  return {id >= 0 ? tokenizer.token(id) : "None", id >= 0 ? std::to_string(id) : "None"};
}

std::string task_hash(const TaskResult& result) {
  std::string all;
  for (const Json& sample : result.samples) {
    for (const char* key : {"doc_hash", "prompt_hash", "target_hash"}) all += sample[key].get<std::string>();
  }
  return sha256_text(all);
}

}  // namespace

Json results_json(const std::vector<TaskResult>& results, const TaskEvalOptions& options, const Tokenizer& tokenizer,
                  const EvalRunInfo& info) {
  // References into an ordered object die when keys are added to it: each part is made by itself.
  Json scores = Json::object(), grouped = Json::object(), subtasks = Json::object(), samples = Json::object();
  for (const TaskResult& result : results) {
    const Task& task = result.task;
    Json entry = {{"name", task.name}, {"alias", task.alias}, {"sample_len", result.documents}};
    for (const MetricResult& metric : result.metrics) put(entry, metric);
    scores[task.name] = std::move(entry);
    samples[task.name] = {{"original", result.available}, {"effective", result.documents}};
  }
  Json versions = by_name(results, [](const TaskResult& result) { return result.task.version; });
  Json shots = by_name(results, [](const TaskResult& result) { return result.shots; });
  Json higher = by_name(results, [](const TaskResult& result) {
    Json metrics = Json::object();
    for (const MetricResult& metric : result.metrics) metrics[metric.metric] = higher_is_better(metric.metric);
    return metrics;
  });
  for (const GroupResult& result : group_results(results)) {
    const std::string& name = result.group.name;
    Json entry = {{"alias", result.group.alias}, {"name", name}, {"sample_len", result.documents}};
    put(entry, result.metric);
    entry["sample_count"] = {{result.metric.metric + "," + result.metric.filter, result.documents}};
    scores[name] = entry;
    grouped[name] = std::move(entry);
    subtasks[name] = result.members;
    versions[name] = "2";  // a text, other than those of tasks, as the harness has it
    shots[name] = result.shots;
    higher[name] = {{result.metric.metric, higher_is_better(result.metric.metric)}};
  }
  Json json;
  json["results"] = std::move(scores);
  if (!grouped.empty()) json["groups"] = std::move(grouped);
  json["group_subtasks"] = std::move(subtasks);
  json["configs"] = by_name(results, config_of);
  json["versions"] = std::move(versions);
  json["n-shot"] = std::move(shots);
  json["higher_is_better"] = std::move(higher);
  json["n-samples"] = std::move(samples);
  Json config;
  config["model"] = "zebra";
  config["model_args"] = {{"pretrained", info.model_folder}, {"dtype", info.dtype}};
  config["model_num_parameters"] = info.parameters;
  config["model_dtype"] = info.dtype == "bf16" ? "torch.bfloat16" : "torch.float32";
  config["batch_size"] = "auto";
  config["batch_sizes"] = Json::array();
  config["device"] = info.device;
  config["use_cache"] = nullptr;
  config["limit"] = options.limit > 0 ? Json(options.limit) : Json(nullptr);
  config["bootstrap_iters"] = options.bootstrap_iterations;
  config["gen_kwargs"] = options.max_gen_tokens > 0 ? Json{{"max_gen_toks", options.max_gen_tokens}} : Json(nullptr);
  for (const char* seed : {"random_seed", "numpy_seed", "torch_seed"}) config[seed] = nullptr;
  config["fewshot_seed"] = options.prompts.seed;
  json["config"] = std::move(config);
  // The harness's is of the repository that it is started in, which is seldom what computed the scores; zebra_version
  // names that one.
  json["git_hash"] = nullptr;
  json["date"] = info.date;
  json["zebra_version"] = info.version;
  json["harness_definitions"] = "lm_eval 0.4.13";
  json["tokenizer_pad_token"] = token_json(tokenizer, -1);
  json["tokenizer_eos_token"] = token_json(tokenizer, tokenizer.eos());
  json["tokenizer_bos_token"] = token_json(tokenizer, tokenizer.bos());
  json["eot_token_id"] = tokenizer.eos() >= 0 ? Json(tokenizer.eos()) : Json(nullptr);
  json["max_length"] = info.max_length;
  json["task_hashes"] = Json::object();
  if (options.keep_samples) json["task_hashes"] = by_name(results, task_hash);
  json["model_source"] = "zebra";
  json["model_name"] = info.model_folder;
  json["model_name_sanitized"] = sanitized(info.model_folder);
  const bool system = !options.prompts.system.empty();
  json["system_instruction"] = system ? Json(options.prompts.system) : Json(nullptr);
  json["system_instruction_sha"] = system ? Json(sha256_text(options.prompts.system)) : Json(nullptr);
  json["fewshot_as_multiturn"] = options.prompts.shots_as_turns;
  json["chat_template"] = info.chat_template ? Json(*info.chat_template) : Json(nullptr);
  json["chat_template_sha"] = info.chat_template ? Json(sha256_text(*info.chat_template)) : Json(nullptr);
  json["total_evaluation_time_seconds"] = std::to_string(info.seconds);
  return json;
}

std::string score_key(const Json& result) {
  for (const char* key : {"acc_norm,none", "acc,none"}) {
    if (result.contains(key) && result[key].is_number()) return key;
  }
  for (const auto& [key, value] : result.items()) {
    if (value.is_number() && key.find(',') != std::string::npos && key.find("_stderr") == std::string::npos) return key;
  }
  return "";
}

std::string results_table(const std::vector<TaskResult>& results) {
  std::vector<Cells> rows = {{"task", "filter", "shots", "documents", "metric", "value", "stderr"}};
  const auto add = [&](const std::string& label, int64_t shots, int64_t documents, const MetricResult& metric) {
    rows.push_back({label, metric.filter, std::to_string(shots), std::to_string(documents), metric.metric,
                    fixed(metric.value, 4), metric.error ? fixed(*metric.error, 4) : "-"});
  };
  const auto add_task = [&](const TaskResult& result, const std::string& label) {
    for (const MetricResult& metric : result.metrics) add(label, result.shots, result.documents, metric);
  };
  for (const TaskResult& result : results) {
    if (result.task.groups.empty()) add_task(result, result.task.name);
  }
  // Groups as trees, members under them by name.
  const std::vector<GroupResult> groups = group_results(results);
  const std::function<void(const std::string&, size_t)> show = [&](const std::string& name, size_t depth) {
    const std::string indent = depth > 0 ? std::string(depth, ' ') + "- " : "";
    for (const TaskResult& result : results) {
      if (result.task.name == name) add_task(result, indent + result.task.alias);
    }
    for (const GroupResult& result : groups) {
      if (result.group.name != name) continue;
      add(indent + result.group.alias, result.shots, result.documents, result.metric);
      std::vector<std::string> members = result.members;
      std::sort(members.begin(), members.end());
      for (const std::string& member : members) show(member, depth + 1);
    }
  };
  const auto is_member = [&](const std::string& name) {
    return std::any_of(groups.begin(), groups.end(), [&](const GroupResult& group) {
      return std::find(group.members.begin(), group.members.end(), name) != group.members.end();
    });
  };
  for (const GroupResult& result : groups) {
    if (!is_member(result.group.name)) show(result.group.name, 0);
  }
  return text_table(rows, {0, 1, 4});
}

}  // namespace zebra
