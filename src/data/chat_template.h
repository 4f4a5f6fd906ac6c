#pragma once
// The chat template of a checkpoint folder: how its model wants conversations to be written.
#include <optional>
#include <string>

#include "data/jinja/jinja.h"
#include "data/messages.h"

namespace zebra {

class ChatTemplate {
 public:
  // Of chat_template.jinja, which goes first, or `chat_template` of tokenizer_config.json: a text, or a list of named
  // ones, of which `name` (empty: "default") is taken. Nothing if the folder has none.
  static std::optional<ChatTemplate> load(const fs::path& folder, const std::string& name = "");
  ChatTemplate(const std::string& source, const std::string& where, Json tokens);

  // `more` are further variables: tools, documents, enable_thinking ...
  std::string render(const Json& messages, bool add_generation_prompt, const Json& more = Json::object(),
                     const jinja::Limits& limits = {}) const;
  // Where the template refuses a system message, the conversation without it, as lm-evaluation-harness does.
  std::string render(const Messages& messages, bool add_generation_prompt, const jinja::Limits& limits = {}) const;
  const std::string& source() const { return source_; }

 private:
  std::string source_;
  jinja::Template template_;
  Json tokens_;  // bos_token, eos_token ...
};

}  // namespace zebra
