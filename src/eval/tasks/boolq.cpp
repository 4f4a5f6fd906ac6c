// BoolQ (Clark et al. 2019) as in SuperGLUE: passage, question, label (0 = no, 1 = yes).
#include "eval/tasks/all.h"

namespace zebra::tasks {

namespace {

Question question(const Json& document, const std::string& where) {
  Question out;
  out.prompt = text(document, "passage", where) + "\nQuestion: " + text(document, "question", where) + "?\nAnswer:";
  out.choices = {"no", "yes"};
  out.gold = label(document, "label", where);
  return out;
}

}  // namespace

Task boolq() {
  return {.name = "boolq",
          .split = "validation",
          .examples = "train",
          .leave_out = true,
          .version = 2,
          .question = question};
}

}  // namespace zebra::tasks
