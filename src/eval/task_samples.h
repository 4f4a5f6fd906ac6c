#pragma once
// What was asked and answered for each document, as lm-evaluation-harness logs it (samples_TASK_DATE.jsonl).
#include <string>
#include <utility>
#include <vector>

#include "eval/scorer.h"
#include "eval/task.h"

namespace zebra {

struct Request {
  std::string context, continuation;
};

Json sample_json(const Task& task, const Json& document, size_t number, const Question& question,
                 const std::vector<Request>& requests, const std::vector<Score>& scores, const std::string& answer,
                 const std::string& extracted, const std::string& filter,
                 const std::vector<std::pair<std::string, double>>& metrics);

}  // namespace zebra
