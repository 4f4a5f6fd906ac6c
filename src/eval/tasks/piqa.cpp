// PIQA (Bisk et al. 2020): goal, sol1, sol2, label.
#include "eval/tasks/all.h"

namespace zebra::tasks {

namespace {

Question question(const Json& document, const std::string& where) {
  Question out;
  out.prompt = "Question: " + text(document, "goal", where) + "\nAnswer:";
  out.choices = {text(document, "sol1", where), text(document, "sol2", where)};
  out.gold = label(document, "label", where);
  return out;
}

}  // namespace

Task piqa() {
  return {.name = "piqa",
          .split = "validation",
          .examples = "train",
          .leave_out = true,
          .metrics = {"acc", "acc_norm"},
          .question = question};
}

}  // namespace zebra::tasks
