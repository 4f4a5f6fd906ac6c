#pragma once
// Command lines as text, so that whoever reads one can give it again.
#include <charconv>
#include <map>
#include <string>
#include <type_traits>
#include <vector>

#include "base/fields.h"

namespace zebra {

// A word as a shell wants it.
std::string shell_word(const std::string& word);

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

// "zebra eval out/x --text 'my file'"
std::string command_line(const std::vector<std::string>& arguments);

}  // namespace zebra
