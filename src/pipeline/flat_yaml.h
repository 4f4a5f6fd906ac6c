#pragma once
// The part of YAML that training configs are written in: "key: value" lines, lists as [a, b] or "- a" lines, one level
// of indented lines under a key, quotes and comments. Not a YAML parser: what it does not know is an error.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace zebra {

struct YamlEntry {
  std::string key;
  std::string value;               // of a scalar, without quotes; "" of a list or of indented lines
  std::vector<std::string> items;  // of a list; indented lines as they stand
  bool is_list = false;
};

// In the file's order. `where` begins every error message; it goes on with the line.
std::vector<YamlEntry> parse_flat_yaml(std::string_view text, const std::string& where);

}  // namespace zebra
