// RACE (Lai et al. 2017), high school, grouped by article: article, problems (a Python list as text). The questions
// before the last are shown with their answers; the last one is asked.
#include "base/error.h"
#include "data/python_literal.h"
#include "eval/tasks/all.h"

namespace zebra::tasks {

namespace {

struct Problem {
  std::string question;
  std::vector<std::string> options;
  int64_t answer;
};

Problem problem(const Json& json, const std::string& where) {
  if (!json.is_object()) fail_input(where, ": expected a question, found ", json.dump().substr(0, 80));
  Problem out{text(json, "question", where), texts(json, "options", where),
              place_of(text(json, "answer", where), {"A", "B", "C", "D"}, where)};
  if (out.options.size() < 4) fail_input(where, ": key \"options\": expected 4 texts, found ", out.options.size());
  out.options.resize(4);
  return out;
}

Question question(const Json& document, const std::string& where) {
  static const std::string blank = "  _  .";
  const auto found = document.find("problems");
  const std::string place = where + ": problems";
  const Json problems = found != document.end() && found->is_array()
                            ? *found
                            : python::parse_literal(text(document, "problems", where), place);
  if (!problems.is_array() || problems.empty()) fail_input(place, ": expected a list of questions, found none");
  Question out;
  out.prompt = "Article: " + text(document, "article", where) + "\n\n";
  for (size_t i = 0; i < problems.size(); ++i) {
    const Problem each = problem(problems[i], cat(place, "[", i, "]"));
    const std::string& answer = each.options[static_cast<size_t>(each.answer)];
    if (i + 1 == problems.size()) {
      out.prompt += each.question;
      out.choices = each.options;
      out.gold = each.answer;
    } else if (each.question.ends_with(blank)) {
      out.prompt += each.question.substr(0, each.question.size() - blank.size() + 1) + answer + "\n";
    } else {
      out.prompt += "Question: " + each.question + "\nAnswer: " + answer + "\n";
    }
  }
  return out;
}

}  // namespace

Task race() {
  return {.name = "race", .version = 3, .question = question};
}

}  // namespace zebra::tasks
