#include "data/jinja/value.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.h"
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

void add_json(std::string& out, const Value& value, const JsonStyle& style, int64_t level) {
  if (level > 64) throw Fault{"values nested more than 64 deep cannot become JSON"};
  const auto line = [&](int64_t at) {
    if (style.indent >= 0) out.append(1, '\n').append(static_cast<size_t>(at * style.indent), ' ');
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

void add_repr(std::string& out, const Value& value, int level) {
  if (level > 64) throw Fault{"values nested more than 64 deep cannot be printed"};
  if (value.is_text()) {
    out += quoted(value.text());
  } else if (value.is_list()) {
    const bool tuple = value.as<Sequence>().tuple;
    out += tuple ? "(" : "[";
    for (size_t i = 0; i < value.list().size(); ++i) {
      if (i) out += ", ";
      add_repr(out, value.list()[i], level + 1);
    }
    out += tuple ? (value.list().size() == 1 ? ",)" : ")") : "]";
  } else if (value.is_dict() && !value.as<Mapping>().space) {
    out += "{";
    bool first = true;
    for (const auto& [key, each] : value.dict()) {
      if (!first) out += ", ";
      first = false;
      out += quoted(key) + ": ";
      add_repr(out, each, level + 1);
    }
    out += "}";
  } else if (value.is_undefined()) {
    out += "Undefined";
  } else {
    out += to_text(value);
  }
}

}  // namespace

Value Value::of(const Json& json) {
  switch (json.type()) {
    case Json::value_t::null:
      return Value(nullptr);
    case Json::value_t::boolean:
      return Value(json.get<bool>());
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned:
      if (json.is_number_unsigned() && json.get<uint64_t>() > INT64_MAX) return Value(json.get<double>());
      return Value(json.get<int64_t>());
    case Json::value_t::number_float:
      return Value(json.get<double>());
    case Json::value_t::string:
      return text(json.get<std::string>());
    case Json::value_t::array: {
      List items;
      for (const Json& each : json) items.push_back(of(each));
      return list(std::move(items));
    }
    default: {
      Dict items;
      for (const auto& [key, each] : json.items()) items.emplace_back(key, of(each));
      return dict(std::move(items));
    }
  }
}

bool Value::truth() const {
  if (is_undefined() || is_none()) return false;
  if (is_number()) return real() != 0;
  if (is_text()) return !text().empty();
  if (is_list()) return !list().empty();
  if (is_dict()) return as<Mapping>().space || !dict().empty();
  return true;
}

std::string Value::type() const {
  if (is_undefined()) return "Undefined";
  if (is_none()) return "NoneType";
  if (is<bool>()) return "bool";
  if (is<int64_t>()) return "int";
  if (is<double>()) return "float";
  if (is_text()) return "str";
  if (is_list()) return as<Sequence>().tuple ? "tuple" : "list";
  if (is_dict()) return as<Mapping>().space ? "namespace" : "dict";
  return "function";
}

const Value* Value::find(const std::string& key) const {
  for (const auto& [name, value] : dict()) {
    if (name == key) return &value;
  }
  return nullptr;
}

bool equal(const Value& a, const Value& b) {
  if (a.is_undefined() || b.is_undefined()) return a.is_undefined() && b.is_undefined();
  if (a.is_none() || b.is_none()) return a.is_none() && b.is_none();
  if (a.is_integer() && b.is_integer()) return a.integer() == b.integer();
  if (a.is_number() && b.is_number()) return a.real() == b.real();
  if (a.is_text() && b.is_text()) return a.text() == b.text();
  if (a.is_list() && b.is_list()) {
    return a.as<Sequence>().tuple == b.as<Sequence>().tuple &&
           std::equal(a.list().begin(), a.list().end(), b.list().begin(), b.list().end(), equal);
  }
  if (a.is_dict() && b.is_dict()) {
    if (&a.dict() == &b.dict()) return true;
    if (a.dict().size() != b.dict().size()) return false;
    return std::all_of(a.dict().begin(), a.dict().end(), [&](const auto& entry) {
      const Value* other = b.find(entry.first);
      return other != nullptr && equal(entry.second, *other);
    });
  }
  if (a.is<Function>() && b.is<Function>()) return a.as<Function>().call == b.as<Function>().call;
  return false;
}

int compare(const Value& a, const Value& b) {
  if (a.is_integer() && b.is_integer()) return a.integer() < b.integer() ? -1 : a.integer() > b.integer();
  if (a.is_number() && b.is_number()) return a.real() < b.real() ? -1 : a.real() > b.real();
  if (a.is_text() && b.is_text()) {
    const int order = a.text().compare(b.text());
    return order < 0 ? -1 : order > 0;
  }
  if (a.is_list() && b.is_list()) {
    for (size_t i = 0; i < std::min(a.list().size(), b.list().size()); ++i) {
      if (!equal(a.list()[i], b.list()[i])) return compare(a.list()[i], b.list()[i]);
    }
    return a.list().size() < b.list().size() ? -1 : a.list().size() > b.list().size();
  }
  throw Fault{"values of types " + a.type() + " and " + b.type() + " have no order"};
}

std::string to_text(const Value& value) {
  if (value.is_undefined()) return "";
  if (value.is_none()) return "None";
  if (value.is<bool>()) return value.as<bool>() ? "True" : "False";
  if (value.is<int64_t>()) return std::to_string(value.as<int64_t>());
  if (value.is<double>()) return real_text(value.as<double>());
  if (value.is_text()) return value.text();
  if (value.is<Function>() || value.as_space()) throw Fault{"a " + value.type() + " cannot be printed"};
  return to_repr(value);
}

std::string to_repr(const Value& value) {
  std::string out;
  add_repr(out, value, 0);
  return out;
}

std::string to_json(const Value& value, const JsonStyle& style) {
  std::string out;
  add_json(out, value, style, 0);
  return out;
}

}  // namespace zebra::jinja
