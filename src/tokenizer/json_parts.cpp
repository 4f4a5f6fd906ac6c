#include "tokenizer/json_parts.h"

#include "tokenizer/unicode.h"

namespace zebra {

std::string part_type(const Json& json, const std::string& where) {
  if (!json.is_object()) fail_input(where, ": expected an object with a \"type\", found ", json.dump().substr(0, 80));
  return json_get<std::string>(json, "type", where);
}

const Json& part_list(const Json& json, const std::string& key, const std::string& where) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_array()) fail_input(where, ": key \"", key, "\": expected an array");
  return *found;
}

std::string literal_pattern(const Json& json, const std::string& where) {
  const auto pattern = json.find("pattern");
  if (pattern == json.end() || !pattern->is_object() || !pattern->contains("String")) {
    fail_input(where, ": expected \"pattern\" to be {\"String\": ..}, found ",
               pattern == json.end() ? "none" : pattern->dump().substr(0, 200),
               "; regular expressions are known in Split only");
  }
  const std::string literal = json_get<std::string>(*pattern, "String", where);
  if (literal.empty()) fail_input(where, ": expected a \"pattern\" of at least one character, found an empty one");
  return literal;
}

std::string one_character(const Json& json, const std::string& key, const std::string& where) {
  const std::string text = json_get<std::string>(json, key, where);
  if (text.empty() || unicode::decode(text, 0).bytes != text.size()) {
    fail_input(where, ": key \"", key, "\": expected one character, found \"", text.substr(0, 40), "\"");
  }
  return text;
}

void fail_part(const std::string& where, const std::string& type, const std::string& known) {
  fail_input(where, ": expected type ", known, ", found \"", type.substr(0, 80), "\", which zebra does not know");
}

}  // namespace zebra
