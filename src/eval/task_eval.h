#pragma once
// Evaluation on tasks: documents to prompts, prompts to scores, scores to results.
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "eval/prompts.h"
#include "eval/scorer.h"
#include "eval/task.h"
#include "eval/task_metrics.h"

namespace zebra {

struct TaskEvalOptions {
  std::string data_folder;
  int64_t shots = -1;  // -1: what each task says
  int64_t limit = 0;   // documents of each task; 0 = all
  int64_t bootstrap_iterations = 100000;
  int64_t max_gen_tokens = 0;  // 0: what each task says
  bool keep_samples = false;
  PromptOptions prompts;  // its `shots` is not used
  ScoreOptions score;
  std::function<void(const std::string& what)> log;
};

struct TaskResult {
  Task task;
  int64_t shots = 0, documents = 0, available = 0;
  std::vector<MetricResult> metrics;
  std::vector<Json> samples;  // as the harness logs them
};

struct GroupResult {
  TaskGroup group;
  std::vector<std::string> members;  // tasks and groups directly in it
  int64_t shots = 0, documents = 0;
  MetricResult metric;
};

std::vector<TaskResult> evaluate_tasks(const Model& model, const Tokenizer& tokenizer, const std::vector<Task>& tasks,
                                       const TaskEvalOptions& options);

// The groups that the tasks were asked for as parts of, inner ones first.
std::vector<GroupResult> group_results(const std::vector<TaskResult>& results);

}  // namespace zebra
