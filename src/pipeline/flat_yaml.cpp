#include "pipeline/flat_yaml.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace zebra {

namespace {

std::string trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(" \t\r") - first + 1));
}

// A # begins a comment at the start of a line or after a space, but not within quotes.
std::string without_comment(const std::string& line) {
  char quote = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote == '"' && c == '\\') {
      ++i;
    } else if (quote) {
      if (c == quote) quote = 0;
    } else if ((c == '"' || c == '\'') && (i == 0 || line[i - 1] == ' ' || line[i - 1] == '[' || line[i - 1] == ',')) {
      quote = c;
    } else if (c == '#' && (i == 0 || line[i - 1] == ' ' || line[i - 1] == '\t')) {
      return line.substr(0, i);
    }
  }
  return line;
}

std::string unquoted(const std::string& text, const std::string& where) {
  if (text.empty() || (text[0] != '"' && text[0] != '\'')) return text;
  if (text.size() < 2 || text.back() != text[0]) fail_input(where, ": expected a closing ", text[0]);
  return text.substr(1, text.size() - 2);  // escapes stay: nothing that we read needs them
}

void read_value(YamlEntry& entry, const std::string& text, const std::string& where) {
  if (text.empty() || text[0] != '[') {
    if (!text.empty() && (text[0] == '{' || text[0] == '&' || text[0] == '*' || text[0] == '|' || text[0] == '>')) {
      fail_input(where, ": expected a plain value or a list, found ", text.substr(0, 40));
    }
    entry.value = unquoted(text, where);
    return;
  }
  if (text.back() != ']') fail_input(where, ": expected a list on one line, closed by ]");
  entry.is_list = true;
  const std::string inside = trimmed(std::string_view(text).substr(1, text.size() - 2));
  if (inside.empty()) return;
  for (const auto& word : split(inside, ',')) entry.items.push_back(unquoted(trimmed(word), where));
}

}  // namespace

std::vector<YamlEntry> parse_flat_yaml(std::string_view text, const std::string& where) {
  std::vector<YamlEntry> entries;
  const auto lines = split(std::string(text), '\n');
  for (size_t i = 0; i < lines.size(); ++i) {
    const std::string at = cat(where, ": line ", i + 1), line = without_comment(lines[i]), content = trimmed(line);
    if (content.empty() || content == "---") continue;
    const bool item = content.rfind("- ", 0) == 0;
    if (item || line[0] == ' ' || line[0] == '\t') {
      if (entries.empty() || !entries.back().value.empty()) {
        fail_input(at, ": expected \"key: value\", found an indented line or item that belongs to no key");
      }
      entries.back().is_list = entries.back().is_list || item;
      entries.back().items.push_back(item ? unquoted(trimmed(content.substr(2)), at) : content);
      continue;
    }
    size_t colon = content.find(": ");
    if (colon == std::string::npos && content.back() == ':') colon = content.size() - 1;
    if (colon == std::string::npos || colon == 0) {
      fail_input(at, ": expected \"key: value\", found \"", content.substr(0, 60), "\"");
    }
    YamlEntry entry{.key = content.substr(0, colon), .value = "", .items = {}, .is_list = false};
    const auto twice = [&](const YamlEntry& other) { return other.key == entry.key; };
    if (std::any_of(entries.begin(), entries.end(), twice)) fail_input(at, ": key ", entry.key, " is there twice");
    read_value(entry, trimmed(content.substr(colon + 1)), at);
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace zebra
