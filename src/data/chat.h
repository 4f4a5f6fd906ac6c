#pragma once
// Conversations as tokens, and which of them are an answer. They are written as the model's chat template says; without
// one in Llama 3's layout where the tokenizer has its tokens, else as "role: content" lines (docs/formats.md).
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/chat_template.h"
#include "data/messages.h"
#include "tokenizer/tokenizer.h"

namespace zebra {

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
  // `eos` ends answers where the layout has no token for that; -1 = none. `tokenizer` must outlive this. The template
  // is that of the folder `model` (empty: none), read when the first messages come: plain strings need none.
  ChatTokens(const Tokenizer& tokenizer, int64_t eos, fs::path model);

  // Messages up to the last answer; answers are the assistant's messages from number `first` on. Errors begin with
  // `where`.
  AnswerRow conversation(const Messages& messages, size_t first, const std::string& where) const;
  // A prompt and its answer as they are, then EOS.
  AnswerRow text(const std::string& prompt, const std::string& answer) const;
  // How many tokens at the front are BOS: 0 or 1.
  int64_t bos_tokens(const AnswerRow& row) const;

 private:
  const std::optional<ChatTemplate>& chat_template() const;
  AnswerRow rendered(const Messages& messages, size_t first, const std::string& where) const;
  AnswerRow laid_out(const Messages& messages, size_t first) const;
  AnswerRow begin(bool chat) const;
  void add(AnswerRow& row, const std::string& text, bool counted) const;
  void add(AnswerRow& row, int64_t id, bool counted) const;

  const Tokenizer& tokenizer_;
  fs::path model_;
  mutable bool looked_ = false;
  mutable std::optional<ChatTemplate> template_;
  int64_t bos_, eos_, end_of_turn_;
  bool llama3_;
  bool adds_bos_;  // the tokenizer puts BOS before a text
};

}  // namespace zebra
