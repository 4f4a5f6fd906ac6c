#include "data/chat.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace zebra {

namespace {

const std::vector<std::string> kRoles = {"system", "developer", "user", "assistant", "tool"};

std::string trimmed(const std::string& text) {
  const char* space = " \t\r\n\v\f";
  const size_t first = text.find_first_not_of(space);
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(space) - first + 1);
}

}  // namespace

Messages parse_messages(const Json& object, const std::string& key, const std::string& where) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_array() || found->empty()) {
    fail_input(where, ": key \"", key, "\": expected a list of messages, found ",
               found == object.end() ? "no such key" : found->dump().substr(0, 80));
  }
  Messages messages;
  for (const Json& each : *found) {
    const std::string place = cat(where, ": ", key, "[", messages.size(), "]");
    if (!each.is_object()) {
      fail_input(place, ": expected {\"role\": .., \"content\": ..}, found ", each.dump().substr(0, 80));
    }
    Message message{json_get<std::string>(each, "role", place), json_get<std::string>(each, "content", place)};
    if (std::find(kRoles.begin(), kRoles.end(), message.role) == kRoles.end()) {
      fail_input(place, ": key \"role\": expected ", join(kRoles, ", "), ", found \"", message.role.substr(0, 80),
                 "\"");
    }
    messages.push_back(std::move(message));
  }
  return messages;
}

int64_t AnswerRow::counted_tokens() const {
  return counted.empty() ? 0 : std::count(counted.begin() + 1, counted.end(), char{1});
}

ChatTokens::ChatTokens(const Tokenizer& tokenizer, int64_t eos)
    : tokenizer_(tokenizer), bos_(tokenizer.bos()), eos_(eos), end_of_turn_(eos) {
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

AnswerRow ChatTokens::conversation(const Messages& messages, size_t first) const {
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
