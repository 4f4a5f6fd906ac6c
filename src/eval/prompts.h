#pragma once
// Prompts: description, few-shot examples, the question; as plain text or through a chat template.
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "data/chat.h"
#include "eval/python_random.h"
#include "eval/task.h"
#include "eval/task_data.h"

namespace zebra {

// Turns messages into the text up to where the assistant begins to speak.
using ChatRenderer = std::function<std::string(const Messages&)>;

struct PromptOptions {
  int64_t shots = 0;
  uint64_t seed = 1234;         // of the few-shot samples
  std::string system;           // put before the task's description
  ChatRenderer chat;            // null: plain text
  bool shots_as_turns = false;  // chat: each example its own pair of turns, not all in one message
};

class Prompts {
 public:
  // `examples` are the documents that few-shot examples are drawn from; task and examples must outlive this.
  Prompts(const Task& task, const std::vector<Document>& examples, PromptOptions options);

  // The prompts of the next document: one, or one for each choice. Examples are drawn anew for each call, so documents
  // must come in their order.
  std::vector<std::string> next(const Document& document, const Question& question);
  // What stands between a prompt and a choice.
  std::string delimiter() const { return options_.chat ? "" : " "; }

 private:
  struct Turn {
    std::string role, text, delimiter;
  };
  std::vector<size_t> draw(const Document& document);
  std::string render(std::vector<Turn> turns) const;

  const Task& task_;
  const std::vector<Document>& examples_;
  PromptOptions options_;
  python::Random random_;
};

}  // namespace zebra
