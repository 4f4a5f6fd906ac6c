// HellaSwag (Zellers et al. 2019): activity_label, ctx_a, ctx_b, endings, label.
#include "data/python_text.h"
#include "eval/tasks/all.h"

namespace zebra::tasks {

namespace {

// Removes what the WikiHow half of the data set carries: [title], [step] and other text in brackets.
std::string cleaned(const std::string& raw) {
  const std::string text = python::replace(python::strip(raw), " [title]", ". ");
  std::string out;
  for (size_t at = 0; at < text.size();) {
    if (text[at] == '[') {
      const size_t stop = text.find_first_of("]\n", at);
      if (stop != std::string::npos && text[stop] == ']') {
        at = stop + 1;
        continue;
      }
    }
    out += text[at++];
  }
  return python::replace(out, "  ", " ");
}

Question question(const Json& document, const std::string& where) {
  Question out;
  out.prompt = cleaned(text(document, "activity_label", where) + ": " + text(document, "ctx_a", where) + " " +
                       python::capitalize(text(document, "ctx_b", where)));
  for (const std::string& ending : texts(document, "endings", where)) out.choices.push_back(cleaned(ending));
  out.gold = label(document, "label", where);
  return out;
}

}  // namespace

Task hellaswag() {
  return {.name = "hellaswag",
          .split = "validation",
          .examples = "train",
          .leave_out = true,
          .metrics = {"acc", "acc_norm"},
          .question = question};
}

}  // namespace zebra::tasks
