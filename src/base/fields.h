#pragma once
// One field list per settings struct. A struct says
//   template <class Visit> void fields(Visit&& visit) { visit("lr", lr, "peak learning rate"); ... }
// once, and reading text, help and the list of known keys come from it (reading and writing JSON: io/json_fields.h).
// A member that has fields() itself is a group: its keys are "group.key".
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/error.h"
#include "base/text.h"

namespace zebra {

namespace field_detail {

struct NoVisit {
  template <class Value>
  void operator()(const char*, Value&, const char*) const {}
};

}  // namespace field_detail

template <class T>
concept HasFields = requires(T& value) { value.fields(field_detail::NoVisit{}); };

// Calls each(key, value, help) for every leaf.
template <class Config, class Each>
void for_each_field(Config& config, Each&& each, const std::string& prefix = "") {
  config.fields([&](const char* name, auto& value, const char* help) {
    if constexpr (HasFields<std::decay_t<decltype(value)>>) {
      for_each_field(value, each, prefix + name + ".");
    } else {
      each(prefix + name, value, help);
    }
  });
}

template <class Config>
std::vector<std::string> field_names(Config config) {
  std::vector<std::string> names;
  for_each_field(config, [&](const std::string& key, auto&, const char*) { names.push_back(key); });
  return names;
}

[[noreturn]] inline void fail_unknown_field(ErrorKind kind, const std::string& where, const std::string& key,
                                            const std::vector<std::string>& known) {
  const std::string near = nearest(key, known);
  if (!near.empty()) fail(kind, where, ": unknown key \"", key, "\" (did you mean \"", near, "\"?)");
  fail(kind, where, ": unknown key \"", key, "\"; known are ", join(known, ", "));
}

// Text to value; false if the text does not say such a value.
inline bool parse_field(std::string_view text, bool& value) {
  if (text == "true" || text == "1" || text == "yes") return value = true;
  if (text == "false" || text == "0" || text == "no") return value = false, true;
  return false;
}
inline bool parse_field(std::string_view text, double& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && std::isfinite(value);
}
// Whole numbers may be written short: 8.2M, 64k, 1B.
inline bool parse_field(std::string_view text, int64_t& value) {
  double scale = 1;
  if (!text.empty()) {
    const char unit = text.back();
    scale = unit == 'k' || unit == 'K' ? 1e3 : unit == 'M' ? 1e6 : unit == 'B' ? 1e9 : 1;
    if (scale > 1) text.remove_suffix(1);
  }
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (scale == 1) return error == std::errc() && end == text.data() + text.size();
  double number = 0;
  if (!parse_field(text, number) || std::fabs(number * scale) > 9e15) return false;
  value = std::llround(number * scale);
  return std::fabs(number * scale - static_cast<double>(value)) <= 1e-9 * std::max(1.0, std::fabs(number * scale));
}
inline bool parse_field(std::string_view text, std::string& value) {
  value = text;
  return true;
}
inline bool parse_field(std::string_view text, std::vector<std::string>& value) {
  value = split(text, ',');
  return true;
}

template <class Value>
const char* field_type_text(const Value&) {
  if constexpr (std::is_same_v<Value, bool>)
    return "true or false";
  else if constexpr (std::is_same_v<Value, double>)
    return "a number";
  else if constexpr (std::is_same_v<Value, int64_t>)
    return "a whole number (64k, 8.2M and 1B work too)";
  else
    return "text";
}

// One key from text; `where` begins the error. Dashes and underscores in keys are the same.
template <class Config>
void set_field(Config& config, std::string key, std::string_view text, const std::string& where) {
  for (char& c : key) c = c == '-' ? '_' : c;
  bool found = false;
  for_each_field(config, [&](const std::string& name, auto& value, const char*) {
    if (name != key) return;
    found = true;
    if (!parse_field(text, value)) {
      fail_usage(where, ": ", key, ": expected ", field_type_text(value), ", found \"", std::string(text), "\"");
    }
  });
  if (!found) fail_unknown_field(ErrorKind::usage, where, key, field_names(config));
}

// "key=value", as --set takes it.
template <class Config>
void set_field(Config& config, const std::string& assignment) {
  const size_t equals = assignment.find('=');
  if (equals == std::string::npos || equals == 0) {
    fail_usage("--set ", assignment, ": expected key=value, for example --set lr=0.001");
  }
  set_field(config, assignment.substr(0, equals), std::string_view(assignment).substr(equals + 1), "--set");
}

inline std::string field_text(bool value) {
  return value ? "true" : "false";
}
inline std::string field_text(int64_t value) {
  return std::to_string(value);
}
inline std::string field_text(double value) {
  return cat(value);
}
inline std::string field_text(const std::string& value) {
  return value;
}
inline std::string field_text(const std::vector<std::string>& value) {
  return join(value, ",");
}

// A line per key: "  lr = 0.001    peak learning rate".
template <class Config>
std::string fields_help(Config config) {
  std::string out;
  for_each_field(config, [&](const std::string& key, auto& value, const char* help) {
    std::string left = "  " + key + " = " + field_text(value);
    left.resize(std::max<size_t>(left.size() + 2, 32), ' ');
    out += left + help + "\n";
  });
  return out;
}

}  // namespace zebra
