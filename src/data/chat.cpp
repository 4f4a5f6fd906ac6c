#include "data/chat.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include "base/error.h"
#include "data/chat_template.h"

namespace zebra {

namespace {

// What a template that writes the date is told, noon of 2024-07-26: a run must not depend on the day on which it goes
// on.
constexpr std::time_t kTemplateDay = 1721995200;

std::string trimmed(const std::string& text) {
  const char* space = " \t\r\n\v\f";
  const size_t first = text.find_first_not_of(space);
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(space) - first + 1);
}

}  // namespace

int64_t AnswerRow::counted_tokens() const {
  return counted.empty() ? 0 : std::count(counted.begin() + 1, counted.end(), char{1});
}

ChatTokens::ChatTokens(const Tokenizer& tokenizer, int64_t eos, fs::path model)
    : tokenizer_(tokenizer), model_(std::move(model)), bos_(tokenizer.bos()), eos_(eos), end_of_turn_(eos) {
  const auto has = [&](const char* token) { return tokenizer.token_id(token) >= 0; };
  llama3_ = has("<|start_header_id|>") && has("<|end_header_id|>") && has("<|eot_id|>");
  if (llama3_) end_of_turn_ = tokenizer.token_id("<|eot_id|>");
  const std::vector<int64_t> frame = tokenizer.encode("", true);
  adds_bos_ = bos_ >= 0 && !frame.empty() && frame.front() == bos_;
}

AnswerRow ChatTokens::begin(bool chat) const {
  AnswerRow row;
  if (adds_bos_ || (chat && llama3_ && bos_ >= 0)) add(row, bos_, false);
  return row;
}

void ChatTokens::add(AnswerRow& row, const std::string& text, bool counted) const {
  for (const int64_t id : tokenizer_.encode(text, false)) add(row, id, counted);
}

void ChatTokens::add(AnswerRow& row, int64_t id, bool counted) const {
  row.ids.push_back(static_cast<int32_t>(id));
  row.counted.push_back(counted ? 1 : 0);
}

const std::optional<ChatTemplate>& ChatTokens::chat_template() const {
  if (!looked_ && !model_.empty()) template_ = ChatTemplate::load(model_);
  looked_ = true;
  return template_;
}

AnswerRow ChatTokens::conversation(const Messages& messages, size_t first, const std::string& where) const {
  return chat_template() ? rendered(messages, first, where) : laid_out(messages, first);
}

// What the template writes for the whole conversation. An answer is what stands there behind the text that asks for it.
// One that the template cannot write alone, or writes otherwise once more follows (without its thoughts, say), is not
// learnt from.
AnswerRow ChatTokens::rendered(const Messages& messages, size_t first, const std::string& where) const {
  size_t end = messages.size();
  while (end > first && messages[end - 1].role != "assistant") --end;
  if (end == first) return {};
  std::string refusal;  // of the template, where it last did
  const auto render = [&](size_t count, bool ask) -> std::optional<std::string> {
    try {
      const Messages front(messages.begin(), messages.begin() + static_cast<int64_t>(count));
      return template_->render(front, ask, {.now = kTemplateDay});
    } catch (const Error& error) {
      refusal = error.what();
      return std::nullopt;
    }
  };
  const auto whole = render(end, false);
  if (!whole) fail_input(where, ": ", refusal);

  AnswerRow row;
  size_t bos = 0, read = 0;  // tokens of ours in front; bytes of `whole` that are in the row
  // The row becomes the tokens of `text`: cut as they are in one piece, if that keeps what stands there already.
  const auto extend = [&](const std::string& text, bool counted) {
    std::vector<int64_t> ids = tokenizer_.encode(text, false);
    const bool begins = read == 0;
    if (begins && adds_bos_ && (ids.empty() || ids.front() != bos_)) add(row, bos_, false), bos = 1;
    const auto held = static_cast<size_t>(row.length()) - bos;
    const bool keeps = held <= ids.size() && std::equal(ids.begin(), ids.begin() + static_cast<int64_t>(held),
                                                        row.ids.begin() + static_cast<int64_t>(bos));
    if (keeps)
      ids.erase(ids.begin(), ids.begin() + static_cast<int64_t>(held));
    else
      ids = tokenizer_.encode(text.substr(read), false);
    // What follows the token that ends an answer (a newline, often) is nothing that the model is to say.
    const auto last = std::find_if(ids.rbegin(), ids.rend(), [&](int64_t id) { return tokenizer_.is_special(id); });
    const auto said = last == ids.rend() ? ids.end() : last.base();
    for (auto id = ids.begin(); id != ids.end(); ++id) add(row, *id, counted && id < said);
    read = text.size();
  };
  for (size_t i = first; i < end; ++i) {
    if (messages[i].role != "assistant") continue;
    refusal.clear();
    const auto asked = render(i, true), answered = render(i + 1, false);
    if (asked && answered && asked->size() >= read && answered->starts_with(*asked) && whole->starts_with(*answered)) {
      extend(*asked, false);
      extend(*answered, true);
    } else if (i + 1 == end) {
      fail_input(where,
                 ": the last answer cannot be told from its prompt: expected the chat template to write one behind ",
                 "the other, found that it ",
                 refusal.empty() ? "writes the prompt otherwise once the answer is there" : cat("says: ", refusal),
                 "; give strings in place of messages, or the model another template");
    }
  }
  while (!row.ids.empty() && !row.counted.back()) row.ids.pop_back(), row.counted.pop_back();
  return row;
}

AnswerRow ChatTokens::laid_out(const Messages& messages, size_t first) const {
  AnswerRow row = begin(true);
  // Texts are split into tokens between answers only, as they are when a model is asked.
  std::string prompt;
  for (size_t i = 0; i < messages.size(); ++i) {
    const Message& message = messages[i];
    const std::string content = trimmed(message.content);
    const bool answer = i >= first && message.role == "assistant";
    prompt += llama3_ ? cat("<|start_header_id|>", message.role, "<|end_header_id|>\n\n") : cat(message.role, ":");
    const std::string said = llama3_ || content.empty() ? content : cat(" ", content);
    if (!answer) {
      prompt += said + (llama3_ ? "<|eot_id|>" : "\n");
      continue;
    }
    add(row, prompt, false);
    prompt.clear();
    add(row, end_of_turn_ < 0 ? said + "\n" : said, true);
    if (end_of_turn_ >= 0) add(row, end_of_turn_, true);
    if (!llama3_ && end_of_turn_ >= 0) prompt.push_back('\n');
  }
  return row;
}

AnswerRow ChatTokens::text(const std::string& prompt, const std::string& answer) const {
  AnswerRow row = begin(false);
  add(row, prompt, false);
  add(row, answer, true);
  if (eos_ >= 0) add(row, eos_, true);
  return row;
}

int64_t ChatTokens::bos_tokens(const AnswerRow& row) const {
  return !row.ids.empty() && bos_ >= 0 && row.ids.front() == bos_ ? 1 : 0;
}

}  // namespace zebra
