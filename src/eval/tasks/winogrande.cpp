// Winogrande (Sakaguchi et al. 2020): sentence with "_", option1, option2, answer (1 or 2). Each option stands in the
// prompt, and what follows the blank is scored.
#include "base/error.h"
#include "data/python_text.h"
#include "eval/tasks/all.h"

namespace zebra::tasks {

namespace {

Question question(const Json& document, const std::string& where) {
  const std::string sentence = text(document, "sentence", where);
  const size_t blank = sentence.find('_');
  if (blank == std::string::npos) {
    fail_input(where, ": key \"sentence\": expected a blank \"_\", found \"", sentence.substr(0, 80), "\"");
  }
  Question out;
  for (const char* option : {"option1", "option2"})
    out.prompts.push_back(sentence.substr(0, blank) + text(document, option, where));
  out.target = python::strip(std::string_view(sentence).substr(blank + 1));
  out.gold = place_of(text(document, "answer", where), {"1", "2"}, where);
  return out;
}

}  // namespace

Task winogrande() {
  return {.name = "winogrande", .split = "validation", .examples = "train", .leave_out = true, .question = question};
}

}  // namespace zebra::tasks
