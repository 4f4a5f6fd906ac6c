#pragma once
// The documents of a task: FOLDER/TASK/SPLIT.jsonl (.gz, .zst), in the data set's own field names. A task that needs no
// other split may also be one file, FOLDER/TASK.jsonl.
#include <string>
#include <vector>

#include "eval/task.h"

namespace zebra {

struct Document {
  Json json;
  std::string where;  // "FILE, line 3"
};

// Error(input) names the files that were looked for, or that a file is empty.
std::vector<Document> load_split(const std::string& folder, const std::string& task, const std::string& split,
                                 bool only_split);

// The document as a question, checked: choices there and not empty, gold among them, something to score.
Question read_question(const Task& task, const Document& document);

}  // namespace zebra
