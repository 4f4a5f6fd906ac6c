// ARC (Clark et al. 2018), easy and challenge: question, choices {text, label}, answerKey.
#include "eval/tasks/all.h"

namespace zebra::tasks {

namespace {

Question question(const Json& document, const std::string& where) {
  const Json& choices = part(document, "choices", where);
  Question out;
  out.prompt = "Question: " + text(document, "question", where) + "\nAnswer:";
  out.choices = texts(choices, "text", where + ": choices");
  out.gold = place_of(text(document, "answerKey", where), texts(choices, "label", where + ": choices"), where);
  return out;
}

}  // namespace

Task arc(const std::string& name) {
  return {.name = name, .examples = "train", .metrics = {"acc", "acc_norm"}, .question = question};
}

}  // namespace zebra::tasks
