#include "cli/usage.h"

#include <map>

#include "base/error.h"
#include "base/text.h"

namespace zebra::cli {

namespace {

struct Group {
  const char* name;
  std::vector<const char*> verbs;
};

const std::vector<Group>& groups() {
  static const std::vector<Group> kGroups = {
      {"convert", {"convert", "distill", "select", "align", "prune", "pretrain"}},
      {"use", {"generate", "eval", "inspect", "export", "logits"}},
      {"all at once", {"upcycle", "recipes", "demo", "reproduce", "bench"}},
      {"text", {"sample", "world", "tokenizer", "tokenize"}},
      {"this machine", {"env"}},
  };
  return kGroups;
}

// What other programs call them.
const std::map<std::string, std::string>& other_words() {
  static const std::map<std::string, std::string> kWords = {
      {"train", "distill"},     {"finetune", "align"}, {"fine-tune", "align"}, {"sft", "align"},
      {"dpo", "align"},         {"chat", "generate"},  {"run", "generate"},    {"infer", "generate"},
      {"complete", "generate"}, {"evaluate", "eval"},  {"score", "eval"},      {"info", "inspect"},
      {"show", "inspect"},      {"list", "recipes"},   {"save", "export"}};
  return kWords;
}

std::string help_of(const CLI::App& scope) {
  std::string path;
  for (const CLI::App* at = &scope; at != nullptr; at = at->get_parent())
    path = at->get_name() + (path.empty() ? "" : " ") + path;
  return "; see " + path + " --help";
}

std::vector<std::string> verbs_of(const CLI::App& scope) {
  std::vector<std::string> verbs;
  for (const auto* verb : scope.get_subcommands({})) verbs.push_back(verb->get_name());
  return verbs;
}

std::string nearest_verb(const CLI::App& scope, const std::string& word) {
  const auto other = other_words().find(word);
  if (other != other_words().end() && scope.get_parent() == nullptr) return other->second;
  return nearest(word, verbs_of(scope));
}

std::string unknown_verb_text(const CLI::App& scope, const std::string& word) {
  const std::string near = nearest_verb(scope, word);
  const bool few = scope.get_parent() != nullptr;
  return cat(few ? scope.get_name() + ": " : "", "unknown verb ", word,
             !near.empty() ? ": did you mean " + near + "?"
             : few         ? ": expected " + join(verbs_of(scope), " or ")
                           : "",
             help_of(scope));
}

}  // namespace

std::string first_help(const CLI::App& app) {
  constexpr size_t kGroup = 14, kVerb = 11;
  std::string out = app.get_description() +
                    "\nUsage: zebra VERB ...     zebra VERB --help says more about a verb; zebra --version\n\n";
  for (const auto& group : groups()) {
    std::string left = group.name;
    for (const char* name : group.verbs) {
      left.resize(kGroup, ' ');
      std::string verb = name;
      verb.resize(kVerb, ' ');
      out += left + verb + app.get_subcommand(name)->get_description() + "\n";
      left.clear();
    }
  }
  return out;
}

std::string unknown_verb(const CLI::App& app, const std::vector<std::string>& words) {
  const CLI::App* scope = &app;
  for (const auto& word : words) {
    if (word.empty() || word.front() == '-' || scope->get_subcommands({}).empty()) return "";
    const auto named = scope->get_subcommands([&](const CLI::App* verb) { return verb->get_name() == word; });
    if (named.empty()) return unknown_verb_text(*scope, word);
    scope = named.front();
  }
  return "";
}

// CLI11 complains of what is missing before what is unknown, but a typing error is the likelier cause of both.
std::string usage_message(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App* scope = &app;
  for (auto verbs = scope->get_subcommands(); !verbs.empty(); verbs = scope->get_subcommands()) scope = verbs.back();
  std::vector<std::string> flags;
  for (const auto* option : scope->get_options()) {
    for (const auto& name : option->get_lnames()) flags.push_back("--" + name);
  }
  for (const auto& word : app.remaining(true)) {
    const bool flag = word.rfind("-", 0) == 0;
    if (!flag && scope == &app) return unknown_verb_text(app, word);
    const std::string near = flag ? nearest(word.substr(0, word.find('=')), flags) : "";
    return cat(flag ? "unknown flag " : "unexpected argument ", word,
               near.empty() ? "" : ": did you mean " + near + "?", help_of(*scope));
  }
  if (scope == &app) return "no verb" + help_of(app);
  return scope->get_name() + ": " + error.what() + help_of(*scope);
}

}  // namespace zebra::cli
