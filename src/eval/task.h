#pragma once
// A benchmark: what it makes of one document of its data set, and how answers are scored. The definitions are those of
// lm-evaluation-harness 0.4.13, prompt by prompt, so that scores can be compared with published ones.
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/json.h"

namespace zebra {

enum class TaskKind {
  multiple_choice,  // the log-likelihood of each choice
  log_likelihood,   // of one continuation, and whether it is what greedy decoding would say
  rolling,          // of a whole text
  generation,       // greedy text, compared with a reference
};

// What a task makes of a document.
struct Question {
  std::string prompt;                // multiple choice, continuation, generation: what the model reads
  std::vector<std::string> prompts;  // in place of it: one for each choice, all continued by `target` (Winogrande)
  std::vector<std::string> choices;  // multiple choice
  int64_t gold = 0;                  // which choice (or prompt) is right
  std::string target;                // continuation; reference answer; the text to roll over
  std::string counted;               // rolling: the text whose words and bytes are counted
};

// One way to read an answer out of generated text.
struct AnswerFilter {
  std::string name;
  std::string (*extract)(const std::string& text);
};

// Tasks whose size-weighted mean is shown, too.
struct TaskGroup {
  std::string name, alias;  // alias: as tables show it
};

using TokenCounter = std::function<int64_t(const std::string& text)>;

struct Task {
  std::string name, alias = name;  // alias: within its group
  TaskKind kind = TaskKind::multiple_choice;
  std::string split = "test";     // which file of the data is evaluated
  std::string examples = "test";  // which one few-shot examples come from
  bool leave_out = false;         // a document is never its own example
  bool first_examples = false;    // the first ones in place of a random sample
  int64_t shots = 0;              // where the user does not say
  std::string description;        // before everything
  std::vector<std::string> metrics = {"acc"};
  double version = 1;
  std::vector<TaskGroup> groups;  // as parts of which it was asked for, the outermost first

  // `where` begins errors: "FILE, line 3".
  Question (*question)(const Json& document, const std::string& where) = nullptr;

  // Tasks whose documents are not files but made: number `index` of `all`, of `length` tokens.
  Json (*make)(const Task& task, int64_t index, int64_t all, const TokenCounter& tokens) = nullptr;
  int64_t length = 0;

  // Generation only.
  std::vector<std::string> until;
  int64_t max_tokens = 256;
  std::vector<AnswerFilter> filters;
  double (*score)(const Question& question, const std::string& answer) = nullptr;
};

// The tasks of a comma-separated list; "mmlu" means all subjects that `data_folder` holds, "mmlu_stem" those of them
// that are of this subgroup, "needle" and "keys" all lengths from 1024, doubling, up to `context`. Error(usage) names
// unknown ones with the nearest known.
std::vector<Task> find_tasks(const std::string& names, const std::string& data_folder, int64_t context);
std::vector<std::string> task_names();

// For the definitions.
namespace tasks {
// One text of a document: json_get<std::string>, under a shorter name.
std::string text(const Json& document, const std::string& key, const std::string& where);
std::vector<std::string> texts(const Json& document, const std::string& key, const std::string& where);
// An object within a document.
const Json& part(const Json& document, const std::string& key, const std::string& where);
// A label given as a number or as text.
int64_t label(const Json& document, const std::string& key, const std::string& where);
// The place of `wanted` in `labels`; Error(input) if it is not there.
int64_t place_of(const std::string& wanted, const std::vector<std::string>& labels, const std::string& where);
}  // namespace tasks

}  // namespace zebra
