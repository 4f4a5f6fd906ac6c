// Values as texts: Python's str() and repr(), and JSON.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "data/jinja/value.h"
#include "tokenizer/unicode.h"

namespace zebra::jinja {

namespace {

// repr() of a float: the shortest digits that read back the same, exponents from 1e16 and below 1e-4.
std::string real_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  char digits[64];
  const double size = std::fabs(value);
  const bool scientific = size != 0 && (size >= 1e16 || size < 1e-4);
  const auto end = std::to_chars(digits, digits + sizeof digits, value,
                                 scientific ? std::chars_format::scientific : std::chars_format::fixed)
                       .ptr;
  std::string text(digits, end);
  if (!scientific && text.find('.') == std::string::npos) text += ".0";
  return text;
}

std::string quoted(const std::string& text) {
  const char quote = text.find('\'') != std::string::npos && text.find('"') == std::string::npos ? '"' : '\'';
  std::string out(1, quote);
  for (size_t at = 0; at < text.size();) {
    const auto [c, bytes] = unicode::decode(text, at);
    if (c == static_cast<char32_t>(quote) || c == '\\') {
      out += '\\';
      out += text.substr(at, bytes);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c < 0x20 || (c >= 0x7f && c <= 0xa0) || c == 0xad) {
      static constexpr char kHex[] = "0123456789abcdef";
      out += "\\x";
      out += kHex[c >> 4 & 15];
      out += kHex[c & 15];
    } else {
      out += text.substr(at, bytes);
    }
    at += bytes;
  }
  return out + quote;
}

std::string json_quoted(const std::string& text, bool ascii) {
  std::string out = "\"";
  static constexpr char kHex[] = "0123456789abcdef";
  const auto unit = [&](uint32_t u) {
    out += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) out += kHex[u >> shift & 15];
  };
  for (size_t at = 0; at < text.size();) {
    const auto [c, bytes] = unicode::decode(text, at);
    static constexpr std::string_view kFrom = "\"\\\n\r\t\f\b", kTo = "\"\\nrtfb";
    const size_t short_form = c < 128 ? kFrom.find(static_cast<char>(c)) : std::string_view::npos;
    if (short_form != std::string_view::npos) {
      out += '\\';
      out += kTo[short_form];
    } else if (c < 0x20 || (ascii && c >= 0x7f && c <= 0xffff && c != 0x7f)) {
      unit(c);
    } else if (ascii && c > 0xffff) {
      unit(0xd800 + ((c - 0x10000) >> 10));
      unit(0xdc00 + ((c - 0x10000) & 0x3ff));
    } else {
      out += text.substr(at, bytes);
    }
    at += bytes;
  }
  return out + "\"";
}

// A text that is paid for as it grows.
struct Growing {
  std::string text;
  Budget& budget;

  Growing& operator+=(std::string_view part) {
    budget.make(static_cast<int64_t>(part.size()));
    text += part;
    return *this;
  }
};

void add_json(Growing& out, const Value& value, const JsonStyle& style, int64_t level) {
  const auto line = [&](int64_t at) {
    if (style.indent < 0) return;
    out += "\n";
    out += std::string(static_cast<size_t>(at * style.indent), ' ');
  };
  const std::string item = style.indent >= 0 && !style.item_given ? "," : style.item;
  if (value.is_none()) {
    out += "null";
  } else if (value.is<bool>()) {
    out += value.as<bool>() ? "true" : "false";
  } else if (value.is<double>()) {
    const std::string text = real_text(value.as<double>());
    out += text == "nan" ? "NaN" : text == "inf" ? "Infinity" : text == "-inf" ? "-Infinity" : text;
  } else if (value.is<int64_t>()) {
    out += std::to_string(value.as<int64_t>());
  } else if (value.is_text()) {
    out += json_quoted(value.text(), style.ascii);
  } else if (value.is_list()) {
    out += "[";
    bool first = true;
    for (const Value& each : value.list()) {
      if (!first) out += item;
      first = false;
      line(level + 1);
      add_json(out, each, style, level + 1);
    }
    if (!first) line(level);
    out += "]";
  } else if (value.is_dict() && !value.as<Mapping>().space) {
    std::vector<const std::pair<std::string, Value>*> entries;
    for (const auto& entry : value.dict()) entries.push_back(&entry);
    if (style.sort_keys)
      std::sort(entries.begin(), entries.end(), [](auto* a, auto* b) { return a->first < b->first; });
    out += "{";
    bool first = true;
    for (const auto* entry : entries) {
      if (!first) out += item;
      first = false;
      line(level + 1);
      out += json_quoted(entry->first, style.ascii) + style.key;
      add_json(out, entry->second, style, level + 1);
    }
    if (!first) line(level);
    out += "}";
  } else {
    throw Fault{"a value of type " + value.type() + " cannot become JSON"};
  }
}

void add_repr(Growing& out, const Value& value) {
  if (value.is_text()) {
    out += quoted(value.text());
  } else if (value.is_list()) {
    const bool tuple = value.as<Sequence>().tuple;
    out += tuple ? "(" : "[";
    for (size_t i = 0; i < value.list().size(); ++i) {
      if (i) out += ", ";
      add_repr(out, value.list()[i]);
    }
    out += tuple ? (value.list().size() == 1 ? ",)" : ")") : "]";
  } else if (value.is_dict() && !value.as<Mapping>().space) {
    out += "{";
    bool first = true;
    for (const auto& [key, each] : value.dict()) {
      if (!first) out += ", ";
      first = false;
      out += quoted(key) + ": ";
      add_repr(out, each);
    }
    out += "}";
  } else if (value.is_undefined()) {
    out += "Undefined";
  } else {
    out += to_text(value, out.budget);
  }
}

}  // namespace

std::string to_text(const Value& value, Budget& budget) {
  if (value.is_undefined()) return "";
  if (value.is_none()) return "None";
  if (value.is<bool>()) return value.as<bool>() ? "True" : "False";
  if (value.is<int64_t>()) return std::to_string(value.as<int64_t>());
  if (value.is<double>()) return real_text(value.as<double>());
  if (value.is_text()) {
    budget.read(static_cast<int64_t>(value.text().size()));
    return value.text();
  }
  if (value.is<Function>() || value.as_space()) throw Fault{"a " + value.type() + " cannot be printed"};
  return to_repr(value, budget);
}

std::string to_repr(const Value& value, Budget& budget) {
  Growing out{"", budget};
  add_repr(out, value);
  return std::move(out.text);
}

std::string to_json(const Value& value, const JsonStyle& style, Budget& budget) {
  Growing out{"", budget};
  add_json(out, value, style, 0);
  return std::move(out.text);
}

}  // namespace zebra::jinja
