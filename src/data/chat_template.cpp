#include "data/chat_template.h"

#include "base/error.h"

namespace zebra {

namespace {

constexpr size_t kLongestTemplate = size_t{1} << 20;

// The special tokens' texts, as transformers gives them to templates.
Json token_texts(const Json& config) {
  Json tokens = Json::object();
  for (const auto& [key, value] : config.items()) {
    if (!key.ends_with("_token")) continue;
    if (value.is_string()) tokens[key] = value;
    if (value.is_object() && value.contains("content") && value["content"].is_string()) tokens[key] = value["content"];
  }
  return tokens;
}

std::optional<std::string> named(const Json& list, const std::string& name, const std::string& where) {
  std::string known;
  for (const Json& each : list) {
    if (!each.is_object()) fail_input(where, ": expected {\"name\": .., \"template\": ..}");
    const std::string own = json_get<std::string>(each, "name", where);
    if (own == (name.empty() ? "default" : name)) return json_get<std::string>(each, "template", where);
    known += (known.empty() ? "" : ", ") + own;
  }
  fail_usage(where, ": no template \"", name.empty() ? "default" : name, "\"; there are ", known);
}

}  // namespace

std::optional<ChatTemplate> ChatTemplate::load(const fs::path& folder, const std::string& name) {
  const fs::path config_path = folder / "tokenizer_config.json", own = folder / "chat_template.jinja";
  const Json config = fs::exists(config_path) ? read_json(config_path) : Json::object();
  if (!config.is_object()) fail_input(config_path.string(), ": expected an object");
  std::optional<std::string> source;
  std::string where = own.string();
  if (const fs::path other = folder / "additional_chat_templates" / (name + ".jinja");
      !name.empty() && name.find('/') == std::string::npos && fs::exists(other)) {
    where = other.string();
    source = read_file(other, kLongestTemplate);
  } else if (fs::exists(own) && (name.empty() || name == "default")) {
    source = read_file(own, kLongestTemplate);
  } else if (const auto found = config.find("chat_template"); found != config.end()) {
    where = config_path.string() + ": chat_template";
    if (found->is_string())
      source = found->get<std::string>();
    else if (found->is_array())
      source = named(*found, name, where);
    else if (!found->is_null())
      fail_input(where, ": expected a text or a list, found ", found->dump().substr(0, 80));
  }
  if (!source) return std::nullopt;
  return ChatTemplate(*source, where, token_texts(config));
}

ChatTemplate::ChatTemplate(const std::string& source, const std::string& where, Json tokens)
    : source_(source), template_(jinja::Template::parse(source, where)), tokens_(std::move(tokens)) {}

std::string ChatTemplate::render(const Json& messages, bool add_generation_prompt, const Json& more,
                                 const jinja::Limits& limits) const {
  Json variables = tokens_;
  variables["messages"] = messages;
  variables["tools"] = nullptr;
  variables["documents"] = nullptr;
  variables["add_generation_prompt"] = add_generation_prompt;
  for (const auto& [key, value] : more.items()) variables[key] = value;
  return template_.render(variables, limits);
}

std::string ChatTemplate::render(const Messages& messages, bool add_generation_prompt,
                                 const jinja::Limits& limits) const {
  Json all = Json::array(), rest = Json::array();
  for (const Message& message : messages) {
    all.push_back({{"role", message.role}, {"content", message.content}});
    if (message.role != "system") rest.push_back(all.back());
  }
  try {
    return render(all, add_generation_prompt, Json::object(), limits);
  } catch (const Error&) {
    if (rest.size() == all.size()) throw;
    return render(rest, add_generation_prompt, Json::object(), limits);
  }
}

}  // namespace zebra
