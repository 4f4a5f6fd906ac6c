#include "eval/task_data.h"

#include "base/error.h"
#include "data/json_lines.h"

namespace zebra {

std::vector<Document> load_split(const std::string& folder, const std::string& task, const std::string& split,
                                 bool only_split) {
  const std::string path = (fs::path(folder) / task / (split + ".jsonl")).string();
  std::vector<std::string> candidates = {path, path + ".gz", path + ".zst"};
  const std::string single = (fs::path(folder) / (task + ".jsonl")).string();
  if (only_split) candidates.insert(candidates.end(), {single, single + ".gz", single + ".zst"});
  for (const std::string& candidate : candidates) {
    if (!fs::exists(candidate)) continue;
    std::vector<Document> documents;
    read_json_lines(candidate, [&](const Json& json, const std::string& where) {
      documents.push_back({json, where});
      return true;
    });
    if (documents.empty()) fail_input(candidate, ": expected a document a line, found none");
    return documents;
  }
  fail_input(path, ": expected the ", split, " documents of ", task, " (or .jsonl.gz, .jsonl.zst",
             only_split ? cat(", or ", single) : "", "), found no such file; docs/formats.md says how to export them");
}

Question read_question(const Task& task, const Document& document) {
  Question question = task.question(document.json, document.where);
  const auto check = [&](const std::vector<std::string>& texts) {
    if (texts.empty()) fail_input(document.where, ": expected choices, found none");
    for (const std::string& text : texts) {
      if (text.empty()) fail_input(document.where, ": expected choices with text in them, found an empty one");
    }
    if (question.gold < 0 || question.gold >= static_cast<int64_t>(texts.size())) {
      fail_input(document.where, ": expected the answer to be one of ", texts.size(), " choices, found number ",
                 question.gold);
    }
  };
  if (task.kind == TaskKind::multiple_choice) check(question.prompts.empty() ? question.choices : question.prompts);
  const bool one_continuation = task.kind == TaskKind::multiple_choice && !question.prompts.empty();
  if (one_continuation || task.kind == TaskKind::log_likelihood || task.kind == TaskKind::rolling) {
    if (question.target.empty()) fail_input(document.where, ": expected a text to score, found none");
  }
  return question;
}

}  // namespace zebra
