// OpenBookQA (Mihaylov et al. 2018): question_stem, choices {text, label}, answerKey.
#include "data/python_text.h"
#include "eval/tasks/all.h"

namespace zebra::tasks {

namespace {

Question question(const Json& document, const std::string& where) {
  const Json& choices = part(document, "choices", where);
  const std::string key = text(document, "answerKey", where);
  Question out;
  out.prompt = text(document, "question_stem", where);
  out.choices = texts(choices, "text", where + ": choices");
  out.gold = place_of(std::string(python::strip_left(key)), texts(choices, "label", where + ": choices"), where);
  return out;
}

}  // namespace

Task openbookqa() {
  return {.name = "openbookqa", .examples = "train", .metrics = {"acc", "acc_norm"}, .question = question};
}

}  // namespace zebra::tasks
