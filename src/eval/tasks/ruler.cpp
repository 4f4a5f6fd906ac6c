// RULER-style recall (Hsieh et al. 2024) from documents in its fields: input, outputs, gen_prefix. The score is the
// share of the outputs that the answer holds, whatever their case.
#include "base/error.h"
#include "data/python_text.h"
#include "eval/tasks/all.h"

namespace zebra::tasks {

namespace {

double score(const Question& question, const std::string& answer) {
  const std::string said = python::lower(answer);
  double found = 0;
  for (const std::string& output : question.choices)
    found += said.find(python::lower(output)) != std::string::npos ? 1 : 0;
  return found / static_cast<double>(question.choices.size());
}

Question recall_question(const Json& document, const std::string& where) {
  Question out;
  out.prompt = text(document, "input", where);
  const auto prefix = json_get<std::string>(document, "gen_prefix", "", where);
  if (!prefix.empty()) out.prompt += " " + prefix;
  out.choices = texts(document, "outputs", where);
  if (out.choices.empty()) fail_input(where, ": key \"outputs\": expected texts, found none");
  for (const std::string& output : out.choices) {  // every answer would hold it
    if (output.empty()) fail_input(where, ": key \"outputs\": expected texts, found an empty one");
  }
  out.target = out.choices.front();
  return out;
}

}  // namespace

Task ruler() {
  return {.name = "ruler",
          .kind = TaskKind::generation,
          .metrics = {"recall"},
          .question = recall_question,
          .max_tokens = 128,
          .score = score};
}

}  // namespace zebra::tasks
