#pragma once
// Conversations as tokens, and which of them are an answer. They are written as the model's chat template says; without
// one in Llama 3's layout where the tokenizer has its tokens, else as "role: content" lines (docs/formats.md).
#include <cstdint>
#include <string>
#include <vector>

#include "data/messages.h"
#include "tokenizer/tokenizer.h"

namespace zebra {

class ChatTemplate;

// Tokens of which some count: those of answers, the one that ends them included.
struct AnswerRow {
  std::vector<int32_t> ids;
  std::vector<char> counted;  // by token

  int64_t length() const { return static_cast<int64_t>(ids.size()); }
  // A token is predicted from those before it, so the first of all never counts.
  int64_t counted_tokens() const;
};

class ChatTokens {
 public:
  // `eos` ends answers where the layout has no token for that; -1 = none. `tokenizer` and the template, which may be
  // null, must outlive this.
  ChatTokens(const Tokenizer& tokenizer, int64_t eos, const ChatTemplate* chat_template);

  // Messages up to the last answer; answers are the assistant's messages from number `first` on. Errors begin with
  // `where`.
  AnswerRow conversation(const Messages& messages, size_t first, const std::string& where) const;
  // A prompt and its answer as they are, then EOS.
  AnswerRow text(const std::string& prompt, const std::string& answer) const;
  // How many tokens at the front are BOS: 0 or 1.
  int64_t bos_tokens(const AnswerRow& row) const;

 private:
  AnswerRow rendered(const Messages& messages, size_t first, const std::string& where) const;
  AnswerRow laid_out(const Messages& messages, size_t first) const;
  void add_answer(AnswerRow& row, const std::string& text) const;
  AnswerRow begin(bool chat) const;
  void add(AnswerRow& row, const std::string& text, bool counted) const;
  void add(AnswerRow& row, int64_t id, bool counted) const;

  const Tokenizer& tokenizer_;
  const ChatTemplate* template_;
  int64_t bos_, eos_, end_of_turn_;
  bool llama3_;
  bool adds_bos_;  // the tokenizer puts BOS before a text
};

}  // namespace zebra
