// PubMedQA (Jin et al. 2019), the labelled set: CONTEXTS, QUESTION, final_decision (yes, no, maybe).
#include "base/text.h"
#include "eval/tasks/all.h"

namespace zebra::tasks {

namespace {

Question question(const Json& document, const std::string& where) {
  Question out;
  out.prompt = "Abstract: " + join(texts(document, "CONTEXTS", where), "\n") +
               "\nQuestion: " + text(document, "QUESTION", where) + "\nAnswer:";
  out.choices = {"yes", "no", "maybe"};
  out.gold = place_of(text(document, "final_decision", where), out.choices, where);
  return out;
}

}  // namespace

Task pubmedqa() {
  return {.name = "pubmedqa", .examples = "train", .question = question};
}

}  // namespace zebra::tasks
