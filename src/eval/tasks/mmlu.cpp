// MMLU (Hendrycks et al. 2021), one subject: question, choices (4), answer (0 to 3).
#include <algorithm>

#include "base/error.h"
#include "data/python_text.h"
#include "eval/tasks/all.h"

namespace zebra::tasks {

namespace {

Question question(const Json& document, const std::string& where) {
  const std::vector<std::string> options = texts(document, "choices", where);
  if (options.size() != 4) fail_input(where, ": key \"choices\": expected 4 texts, found ", options.size());
  Question out;
  out.choices = {"A", "B", "C", "D"};
  out.prompt = python::strip(text(document, "question", where));
  for (size_t i = 0; i < 4; ++i) out.prompt += "\n" + out.choices[i] + ". " + options[i];
  out.prompt += "\nAnswer:";
  out.gold = label(document, "answer", where);
  return out;
}

}  // namespace

Task mmlu(const std::string& name) {
  std::string subject = name.substr(std::string("mmlu_").size());
  std::replace(subject.begin(), subject.end(), '_', ' ');
  return {.name = name,
          .examples = "dev",
          .first_examples = true,
          .description = "The following are multiple choice questions (with answers) about " + subject + ".\n\n",
          .group = "mmlu",
          .question = question};
}

}  // namespace zebra::tasks
