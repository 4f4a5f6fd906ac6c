#include "data/examples.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "data/byte_source.h"
#include "data/json_lines.h"

namespace zebra {

namespace {

// What a line holds in place of what was expected.
std::string keys_of(const Json& object) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.push_back(cat("\"", key.substr(0, 40), "\""));
  if (keys.empty()) return "no keys";
  const bool more = keys.size() > 8;
  if (more) keys.resize(8);
  return join(keys, ", ") + (more ? " ..." : "");
}

bool is_list(const Json& object, const char* key) {
  return object.contains(key) && object[key].is_array();
}

Example answer_of(const Json& object, const std::string& where, const ChatTokens& chat) {
  if (object.contains("messages")) return {chat.conversation(parse_messages(object, "messages", where), 0, where)};
  if (!object.contains("prompt") || !object.contains("completion")) {
    fail_input(where, ": expected \"messages\", or \"prompt\" and \"completion\", found ", keys_of(object),
               object.contains("chosen") ? "; pairs of answers are for --method dpo" : "");
  }
  if (!is_list(object, "prompt")) {
    return {
        chat.text(json_get<std::string>(object, "prompt", where), json_get<std::string>(object, "completion", where))};
  }
  Messages messages = parse_messages(object, "prompt", where);
  const size_t first = messages.size();
  for (auto& message : parse_messages(object, "completion", where)) messages.push_back(std::move(message));
  return {chat.conversation(messages, first, where)};
}

// Message lists may hold the prompt themselves: it is what both begin with.
Example preference_of_messages(const Json& object, const std::string& where, const ChatTokens& chat) {
  Messages chosen = parse_messages(object, "chosen", where), rejected = parse_messages(object, "rejected", where);
  size_t shared = 0;
  const size_t shorter = std::min(chosen.size(), rejected.size());
  while (shared + 1 < shorter && chosen[shared] == rejected[shared]) ++shared;
  Messages prompt;
  if (is_list(object, "prompt")) {
    prompt = parse_messages(object, "prompt", where);
    const bool repeated = prompt.size() <= shared && std::equal(prompt.begin(), prompt.end(), chosen.begin());
    if (repeated) prompt.clear();
  } else if (shared == 0) {
    prompt = {{"user", json_get<std::string>(object, "prompt", where)}};
  }
  const auto row = [&](const char* key, const Messages& messages) {
    if (messages.size() != shared + 1 || messages.back().role != "assistant") {
      fail_input(where, ": key \"", key, "\": expected one message of the assistant behind the ", shared,
                 " that both answers share, found ", messages.size() - shared, ", the last of role ",
                 messages.back().role);
    }
    Messages all = prompt;
    all.insert(all.end(), messages.begin(), messages.end());
    return chat.conversation(all, all.size() - 1, where);
  };
  return {row("chosen", chosen), row("rejected", rejected)};
}

Example preference_of(const Json& object, const std::string& where, const ChatTokens& chat) {
  if (!object.contains("chosen") || !object.contains("rejected")) {
    const bool answers = object.contains("messages") || object.contains("completion");
    fail_input(where, ": expected \"prompt\", \"chosen\" and \"rejected\", found ", keys_of(object),
               answers ? "; single answers are for --method sft" : "");
  }
  if (is_list(object, "chosen") || is_list(object, "rejected")) return preference_of_messages(object, where, chat);
  const auto prompt = json_get<std::string>(object, "prompt", where);
  return {chat.text(prompt, json_get<std::string>(object, "chosen", where)),
          chat.text(prompt, json_get<std::string>(object, "rejected", where))};
}

int64_t last_answer(const AnswerRow& row) {
  auto first = row.counted.end();
  while (first != row.counted.begin() && *(first - 1)) --first;
  return first - row.counted.begin();
}

void cut_front(AnswerRow& row, int64_t bos, int64_t surplus) {
  row.ids.erase(row.ids.begin() + bos, row.ids.begin() + bos + surplus);
  row.counted.erase(row.counted.begin() + bos, row.counted.begin() + bos + surplus);
  // An earlier answer that lost its beginning is no longer one.
  for (auto token = row.counted.begin() + bos; token != row.counted.end() && *token; ++token) *token = 0;
}

// Makes the longest row fit and takes as much from the others, since they share the prompt. False where that would
// leave no token of the prompt.
bool fit(Example& example, const ChatTokens& chat, int64_t length, bool& cut) {
  int64_t surplus = 0;
  for (const auto& row : example) surplus = std::max(surplus, row.length() - length);
  cut = surplus > 0;
  if (!cut) return true;
  const int64_t bos = chat.bos_tokens(example.front());
  for (const auto& row : example) {
    if (last_answer(row) - bos <= surplus) return false;
  }
  for (auto& row : example) cut_front(row, bos, surplus);
  return true;
}

void look_at_ends(ExampleSet& set, const AnswerRow& row, const Tokenizer& tokenizer) {
  const auto& ids = row.ids;
  if (ids.size() < 2) return;
  const bool ended = tokenizer.is_special(ids.back());
  set.bos_twice += tokenizer.bos() >= 0 && ids[0] == tokenizer.bos() && ids[1] == tokenizer.bos();
  set.end_twice += ended && ids[ids.size() - 2] == ids.back();
  set.endless += !ended;
}

void warn_of_ends(const ExampleSet& set, int64_t rows, const std::string& where) {
  if (set.bos_twice > 0) {
    log_warning(cat(where, ": ", set.bos_twice, " of ", rows,
                    " texts spell the token that begins a text, which is put ", "there anyway: take it out of them"));
  }
  if (set.end_twice > 0) {
    log_warning(cat(where, ": ", set.end_twice, " of ", rows, " answers spell the token that ends them, which is put ",
                    "there anyway: take it out of them"));
  }
  if (set.endless > 0) {
    log_warning(cat(where, ": ", set.endless, " of ", rows,
                    " answers end without a token that says so, and a model that ",
                    "learns them does not stop: give a chat template that writes one, or an eos_token_id"));
  }
}

}  // namespace

ExampleSet read_examples(const std::vector<fs::path>& files, ExampleKind kind, const Tokenizer& tokenizer,
                         const ExampleOptions& options) {
  const ChatTokens chat(tokenizer, options.eos, options.model);
  ExampleSet out;
  int64_t rows = 0;
  for (const auto& file : files) {
    read_json_lines(file, [&](const Json& object, const std::string& where) {
      Example example =
          kind == ExampleKind::answers ? answer_of(object, where, chat) : preference_of(object, where, chat);
      for (const auto& row : example) {
        if (row.counted_tokens() == 0) fail_input(where, ": expected an answer of the assistant, found none");
        const auto bad = std::find_if(row.ids.begin(), row.ids.end(), [&](int32_t id) { return id >= options.vocab; });
        if (bad != row.ids.end()) {
          fail_input(where, ": expected tokens below the model's vocabulary of ", options.vocab, ", found ", *bad,
                     ": the tokenizer belongs to another model");
        }
      }
      bool cut = false;
      if (!fit(example, chat, options.length, cut)) {
        ++out.dropped;
        return true;
      }
      out.cut += cut;
      for (const auto& row : example) look_at_ends(out, row, tokenizer), ++rows;
      out.examples.push_back(std::move(example));
      return true;
    });
  }
  if (out.examples.empty()) {
    fail_input(files.empty() ? std::string("examples") : files.front().string(),
               ": expected at least one example that fits into ", options.length, " tokens, found ",
               out.dropped ? cat(out.dropped, " longer ones: give a larger --length") : std::string("none"));
  }
  warn_of_ends(out, rows, files.front().string());
  return out;
}

ExampleCount count_examples(const std::vector<fs::path>& files) {
  ExampleCount out;
  int64_t bytes = 0;
  for (const auto& file : files) {
    if (!fs::exists(file)) return {};
    const auto source = ByteSource::open(file);
    bool empty = true;  // the line so far
    for (std::string_view chunk; !(chunk = source->next()).empty();) {
      bytes += static_cast<int64_t>(chunk.size());
      for (const char c : chunk) {
        if (c == '\n') {
          out.examples += !empty;
          empty = true;
        } else if (c != ' ' && c != '\t' && c != '\r') {
          empty = false;
        }
      }
    }
    out.examples += !empty;
  }
  out.tokens = bytes / 4;
  return out;
}

}  // namespace zebra
