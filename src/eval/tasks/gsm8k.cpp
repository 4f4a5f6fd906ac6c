// GSM8K (Cobbe et al. 2021): question, answer that ends in "#### 42". Strict: the number after "####"; flexible: the
// last number of the text.
#include "data/python_text.h"
#include "eval/tasks/all.h"

namespace zebra::tasks {

namespace {

const std::string kInvalid = "[invalid]";

bool digit(char c) {
  return c >= '0' && c <= '9';
}

// The first "#### " before something like a number.
std::string strict(const std::string& text) {
  static const std::string mark = "#### ";
  for (size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + 1)) {
    size_t begin = at + mark.size(), end = begin;
    if (end < text.size() && text[end] == '-') ++end;
    const size_t digits = end;
    while (end < text.size() && (digit(text[end]) || text[end] == '.' || text[end] == ',')) ++end;
    if (end > digits) return text.substr(begin, end - begin);
  }
  return kInvalid;
}

// The last of: a sign and two or more of "$0-9.,", or a sign and digits.
std::string flexible(const std::string& text) {
  std::string last = kInvalid;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at + (text[at] == '-' ? 1 : 0);
    size_t end = begin;
    while (end < text.size() && (digit(text[end]) || text[end] == '$' || text[end] == '.' || text[end] == ',')) ++end;
    if (end - begin >= 2 || (end - begin == 1 && digit(text[begin]))) {
      last = text.substr(at, end - at);
      at = end;
    } else {
      ++at;
    }
  }
  return last;
}

// What the comparison ignores: commas, "$", everything up to the last "#### ", a full stop at the end, case.
std::string plain(const std::string& answer) {
  std::string text = python::replace(python::replace(answer, ",", ""), "$", "");
  if (const size_t mark = text.rfind("#### "); mark != std::string::npos) text.erase(0, mark + 5);
  if (text.ends_with('.'))
    text.pop_back();
  else if (text.ends_with(".\n"))
    text.erase(text.size() - 2, 1);
  return python::lower(text);
}

Question question(const Json& document, const std::string& where) {
  Question out;
  out.prompt = "Question: " + text(document, "question", where) + "\nAnswer:";
  out.target = text(document, "answer", where);
  return out;
}

double score(const Question& question, const std::string& answer) {
  return plain(answer) == plain(question.target) ? 1 : 0;
}

}  // namespace

Task gsm8k() {
  return {.name = "gsm8k",
          .kind = TaskKind::generation,
          .examples = "train",
          .shots = 5,
          .metrics = {"exact_match"},
          .version = 3,
          .question = question,
          .until = {"Question:", "</s>", "<|im_end|>"},
          .filters = {{"strict-match", strict}, {"flexible-extract", flexible}},
          .score = score};
}

}  // namespace zebra::tasks
