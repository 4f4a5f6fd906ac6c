#pragma once
// Conversations as tokens, and which of them are an answer. The layout is Llama 3's where the tokenizer has its tokens
// and "role: content" lines otherwise; templates of other families are not read yet (docs/formats.md).
#include <cstdint>
#include <string>
#include <vector>

#include "io/json.h"
#include "tokenizer/tokenizer.h"

namespace zebra {

struct Message {
  std::string role, content;
  bool operator==(const Message&) const = default;
};
using Messages = std::vector<Message>;

// The list under `key` of a line; Error(input) names what is wrong with which message.
Messages parse_messages(const Json& object, const std::string& key, const std::string& where);

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
  // `eos` ends answers where the layout has no token for that; -1 = none. `tokenizer` must outlive this.
  ChatTokens(const Tokenizer& tokenizer, int64_t eos);

  // Messages in the layout, up to the last answer; answers are the assistant's messages from number `first` on.
  AnswerRow conversation(const Messages& messages, size_t first) const;
  // A prompt and its answer as they are, then EOS.
  AnswerRow text(const std::string& prompt, const std::string& answer) const;
  // How many tokens at the front are BOS: 0 or 1.
  int64_t bos_tokens(const AnswerRow& row) const;

 private:
  AnswerRow begin(bool chat) const;
  void add(AnswerRow& row, const std::string& text, bool counted) const;
  void add(AnswerRow& row, int64_t id, bool counted) const;

  const Tokenizer& tokenizer_;
  int64_t bos_, eos_, end_of_turn_;
  bool llama3_;
  bool adds_bos_;  // the tokenizer puts BOS before a text
};

}  // namespace zebra
