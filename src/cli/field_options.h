#pragma once
// Flags made from a field list: every key of a settings struct is a flag of its verb.
#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <vector>

#include "base/command.h"
#include "base/fields.h"
#include "io/json_fields.h"
#include "model/model_words.h"

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
};

// Throws what CLI11 makes an error of usage if one of these flags of the verb was given: `why` follows its name.
inline void refuse_flags(const CLI::App& verb, const std::vector<const char*>& names, const std::string& why) {
  for (const char* name : names) {
    if (verb.get_option(name)->count() > 0) throw CLI::ValidationError(name, why);
  }
}

}  // namespace zebra::cli
