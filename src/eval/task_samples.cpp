#include "eval/task_samples.h"

#include "io/sha256.h"

namespace zebra {

namespace {

std::string target_of(const Task& task, const Question& question) {
  const bool number = task.kind == TaskKind::multiple_choice && question.prompts.empty();
  return number ? std::to_string(question.gold) : question.target;
}

}  // namespace

Json sample_json(const Task& task, const Json& document, size_t number, const Question& question,
                 const std::vector<Request>& requests, const std::vector<Score>& scores, const std::string& answer,
                 const std::string& extracted, const std::string& filter,
                 const std::vector<std::pair<std::string, double>>& metrics) {
  Json json;
  json["doc_id"] = number;
  json["doc"] = document;
  json["target"] = target_of(task, question);
  Json asked = Json::object(), answers = Json::array(), filtered = Json::array();
  for (size_t i = 0; i < requests.size(); ++i) {
    Json arguments;
    if (task.kind == TaskKind::generation) {
      arguments["arg_0"] = requests[i].context;
      arguments["arg_1"] = {{"until", task.until}, {"do_sample", false}, {"temperature", 0.0}};
      answers.push_back({answer});
      filtered.push_back(extracted);
    } else if (task.kind == TaskKind::rolling) {
      arguments["arg_0"] = requests[i].continuation;
      answers.push_back({scores[i].log_likelihood});
      filtered.push_back(scores[i].log_likelihood);
    } else {
      arguments["arg_0"] = requests[i].context;
      arguments["arg_1"] = requests[i].continuation;
      const Json pair = {Json(scores[i].log_likelihood).dump(), scores[i].greedy ? "True" : "False"};
      answers.push_back(Json::array({pair}));
      filtered.push_back(pair);
    }
    asked["gen_args_" + std::to_string(i)] = std::move(arguments);
  }
  json["arguments"] = std::move(asked);
  json["resps"] = std::move(answers);
  json["filtered_resps"] = std::move(filtered);
  json["filter"] = filter;
  json["metrics"] = Json::array();
  for (const auto& [metric, value] : metrics) json["metrics"].push_back(metric);
  const std::string& first = task.kind == TaskKind::rolling ? requests.front().continuation : requests.front().context;
  json["doc_hash"] = sha256_text(document.dump(2));
  json["prompt_hash"] = sha256_text(first);
  json["target_hash"] = sha256_text(target_of(task, question));
  for (const auto& [metric, value] : metrics) json[metric] = value;
  return json;
}

}  // namespace zebra
