#pragma once
// Results in the JSON of lm-evaluation-harness 0.4, so that its tools read them, and as its table.
#include <optional>
#include <string>
#include <vector>

#include "eval/task_eval.h"

namespace zebra {

// How the run was made.
struct EvalRunInfo {
  std::string model_folder, dtype, device;
  int64_t parameters = 0, max_length = 0;
  std::optional<std::string> chat_template;
  double date = 0, seconds = 0;  // since 1970; of the run
  std::string version;           // of this program
};

Json results_json(const std::vector<TaskResult>& results, const TaskEvalOptions& options, const Tokenizer& tokenizer,
                  const EvalRunInfo& info);
// The key of a task's score in its entry of "results": as the papers do, normalised by length where the harness gives
// that; "" where there is no number.
std::string score_key(const Json& result);
std::string results_table(const std::vector<TaskResult>& results);

}  // namespace zebra
