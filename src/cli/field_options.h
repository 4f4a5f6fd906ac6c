#pragma once
// Flags made from a field list: every key of a settings struct is a flag of its verb.
#include <CLI/CLI.hpp>
#include <charconv>
#include <map>
#include <string>
#include <vector>

#include "base/fields.h"
#include "cli/model_words.h"
#include "io/json_fields.h"

namespace zebra::cli {

// What the command line said about a settings struct; a recipe comes first, then --set, then flags.
struct FieldOptions {
  std::string recipe;
  std::vector<std::string> assignments;      // --set key=value
  std::map<std::string, std::string> flags;  // by key

  template <class Config>
  void add_flags(CLI::App& verb, Config defaults) {
    for_each_field(defaults, [&](const std::string& key, auto&, const char* help) {
      std::string flag = "--" + key;
      for (char& c : flag) c = c == '_' ? '-' : c;
      verb.add_option(flag, flags[key], help);
    });
  }
  void add_recipe(CLI::App& verb) { verb.add_option("--recipe", recipe, "JSON file with any of the flags as keys"); }
  void add_set(CLI::App& verb) { verb.add_option("--set", assignments, "key=value, any number of times"); }

  template <class Config>
  Config read(Config config) const {
    if (!recipe.empty()) load_fields(config, read_json(recipe), recipe);
    for (const auto& assignment : assignments) set_field(config, assignment);
    for (const auto& [key, text] : flags) {
      if (!text.empty()) set_field(config, key, text, "--" + key);
    }
    use_own_words(config);
    return config;
  }

  // What other programs call bfloat16 or cuda:0.
  template <class Config>
  static void use_own_words(Config& config) {
    for_each_field(config, [](const std::string& key, auto& value, const char*) {
      if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::string>) {
        if (key == "dtype") value = dtype_word(value);
        if (key == "device") value = device_word(value);
      }
    });
  }
};

// Throws what CLI11 makes an error of usage if one of these flags of the verb was given: `why` follows its name.
inline void refuse_flags(const CLI::App& verb, const std::vector<const char*>& names, const std::string& why) {
  for (const char* name : names) {
    if (verb.get_option(name)->count() > 0) throw CLI::ValidationError(name, why);
  }
}

// A word as a shell wants it.
inline std::string shell_word(const std::string& word) {
  const bool plain = !word.empty() && word.find_first_not_of(
                                          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                          "0123456789_-+=.,/:@%") == std::string::npos;
  if (plain) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// A value as a command must say it, so that the same run comes of it: numbers by the fewest digits that read back as
// they are.
template <class Value>
std::string exact_text(const Value& value) {
  if constexpr (std::is_same_v<Value, double>) {
    char text[32];
    return {text, std::to_chars(text, text + sizeof text, value).ptr};
  } else {
    return field_text(value);
  }
}

// "zebra VERB --flag value ..." with every setting that is not the default, wherever it came from.
template <class Config>
std::string command_text(const std::string& verb, Config config) {
  std::map<std::string, std::string> defaults;
  Config plain{};
  for_each_field(plain, [&](const std::string& key, auto& value, const char*) { defaults[key] = exact_text(value); });
  std::string out = "zebra " + verb;
  for_each_field(config, [&](const std::string& key, auto& value, const char*) {
    const std::string text = exact_text(value);
    if (text == defaults[key]) return;
    std::string flag = key;
    for (char& c : flag) c = c == '_' ? '-' : c;
    out += " --" + flag + " " + shell_word(text);
  });
  return out;
}

}  // namespace zebra::cli
