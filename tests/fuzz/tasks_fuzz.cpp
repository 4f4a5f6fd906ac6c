// Documents of tasks: a task's name, a newline, then lines as they stand in its file.
#include <map>

#include "base/error.h"
#include "eval/task_data.h"
#include "fuzz/fuzz.h"
#include "support/task_documents.h"

namespace zebra::fuzz {

namespace {

const Task* task_of(const std::string& name) {
  static const auto all = [] {
    std::map<std::string, Task> out;
    for (const auto& [task, document] : task_documents()) out[task] = find_tasks(task, "", 4096).front();
    return out;
  }();
  const auto found = all.find(name);
  return found == all.end() ? nullptr : &found->second;
}

void ask(const Task& task, std::string_view line) {
  const Question question = read_question(task, {parse_json(line, "line"), "line"});
  // What a model says is no more to be trusted than the document.
  for (const AnswerFilter& filter : task.filters) filter.extract(question.prompt);
  if (task.score != nullptr) {
    task.score(question, question.prompt);
    task.score(question, question.target);
  }
}

}  // namespace

std::vector<std::string> seeds() {
  std::vector<std::string> out;
  for (const auto& [task, document] : task_documents()) {
    out.push_back(task + "\n" + Json::parse(document).dump());
    out.push_back(out.back() + "\n" + Json::parse(document).dump());
  }
  return out;
}

std::vector<std::string> words() {
  std::vector<std::string> out = {"\"",
                                  ":",
                                  ",",
                                  "{",
                                  "}",
                                  "[",
                                  "]",
                                  "null",
                                  "true",
                                  "-1",
                                  "0",
                                  "1e300",
                                  "99999999999999999999",
                                  "\\",
                                  "\\u0000",
                                  "\\ud800",
                                  "\n",
                                  "'",
                                  "\\\"",
                                  "\xff",
                                  "\xc3\xa9",
                                  " ",
                                  "####",
                                  "[title]",
                                  "[header]",
                                  " @-@ ",
                                  "_",
                                  "-",
                                  "$",
                                  ".",
                                  "\\n",
                                  "'answer': 'A'",
                                  "'options': [",
                                  "label"};
  for (const auto& [task, document] : task_documents()) {
    const Json whole = Json::parse(document);
    for (const auto& [key, value] : whole.items()) out.push_back("\"" + key + "\": ");
  }
  return out;
}

}  // namespace zebra::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t name = std::min(text.find('\n'), text.size());
  const zebra::Task* task = zebra::fuzz::task_of(std::string(text.substr(0, name)));
  while (task != nullptr && !text.empty()) {
    text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
    if (text.empty()) break;
    try {
      zebra::fuzz::ask(*task, text.substr(0, text.find('\n')));
    } catch (const zebra::Error& error) {
      if (error.kind() != zebra::ErrorKind::input) __builtin_trap();
    }
  }
  return 0;
}
