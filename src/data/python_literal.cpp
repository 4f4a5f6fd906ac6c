#include "data/python_literal.h"

#include <cstdlib>

#include "base/error.h"
#include "tokenizer/unicode.h"

namespace zebra::python {

namespace {

class Parser {
 public:
  Parser(std::string_view text, const std::string& where) : text_(text), where_(where) {}

  Json all() {
    Json value = parse(0);
    space();
    if (at_ != text_.size()) bad("the end");
    return value;
  }

 private:
  [[noreturn]] void bad(const char* expected) const {
    fail_input(where_, ": expected ", expected, " at byte ", at_, " of a Python literal, found ",
               at_ < text_.size() ? cat("\"", unicode::lossy(text_.substr(at_, 20)), "\"") : "its end");
  }
  void space() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos) ++at_;
  }
  bool take(char c) {
    space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool word(std::string_view name) {
    if (text_.substr(at_, name.size()) != name) return false;
    at_ += name.size();
    return true;
  }

  Json parse(int depth) {
    if (depth > 64) bad("at most 64 levels");
    space();
    if (at_ >= text_.size()) bad("a value");
    const char c = text_[at_];
    if (c == '[' || c == '(') return list(c == '[' ? ']' : ')', depth);
    if (c == '{') return dict(depth);
    if (c == '\'' || c == '"') return string();
    if (word("None")) return nullptr;
    if (word("True")) return true;
    if (word("False")) return false;
    return number();
  }

  Json list(char close, int depth) {
    ++at_;
    Json out = Json::array();
    while (!take(close)) {
      out.push_back(parse(depth + 1));
      if (!take(',')) {
        if (!take(close)) bad("\",\" or the end of the list");
        break;
      }
    }
    return out;
  }

  Json dict(int depth) {
    ++at_;
    Json out = Json::object();
    while (!take('}')) {
      space();
      if (at_ >= text_.size() || (text_[at_] != '\'' && text_[at_] != '"')) bad("a key in quotes");
      const std::string key = string();
      if (!take(':')) bad("\":\"");
      out[key] = parse(depth + 1);
      if (!take(',')) {
        if (!take('}')) bad("\",\" or \"}\"");
        break;
      }
    }
    return out;
  }

  std::string string() {
    std::string out;
    do {  // neighbours are joined, as in Python
      const char quote = text_[at_++];
      while (true) {
        if (at_ >= text_.size() || text_[at_] == '\n') bad("the closing quote");
        const char c = text_[at_++];
        if (c == quote) break;
        if (c == '\\')
          escape(out);
        else
          out += c;
      }
      space();
    } while (at_ < text_.size() && (text_[at_] == '\'' || text_[at_] == '"'));
    return out;
  }

  void escape(std::string& out) {
    if (at_ >= text_.size()) bad("a character after \"\\\"");
    const char c = text_[at_++];
    static constexpr std::string_view kNames = "\\'\"abfnrtv", kValues = "\\'\"\a\b\f\n\r\t\v";
    if (c == '\n') return;
    if (const size_t known = kNames.find(c); known != std::string_view::npos) {
      out += kValues[known];
    } else if (c == 'x' || c == 'u' || c == 'U') {
      const size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : 8;
      const std::string hex(text_.substr(at_, digits));
      if (hex.size() != digits || hex.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) {
        bad("hexadecimal digits");
      }
      const auto value = static_cast<char32_t>(std::strtoul(hex.c_str(), nullptr, 16));
      if (value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) bad("a Unicode character");
      unicode::append(out, value);
      at_ += digits;
    } else if (c >= '0' && c <= '7') {
      char32_t value = static_cast<char32_t>(c - '0');
      for (int i = 0; i < 2 && at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '7'; ++i)
        value = value * 8 + static_cast<char32_t>(text_[at_++] - '0');
      unicode::append(out, value);
    } else {
      out += '\\';
      out += c;
    }
  }

  Json number() {
    const size_t end = std::min(text_.find_first_not_of("+-0123456789.eE", at_), text_.size());
    const std::string digits(text_.substr(at_, end - at_));
    char* stop = nullptr;
    const bool whole = digits.find_first_of(".eE") == std::string::npos && digits.size() < 18;
    const long long integer = std::strtoll(digits.c_str(), &stop, 10);
    if (whole && !digits.empty() && *stop == 0) {
      at_ = end;
      return static_cast<int64_t>(integer);
    }
    const double value = std::strtod(digits.c_str(), &stop);
    if (digits.empty() || *stop != 0) bad("a value");
    at_ = end;
    return value;
  }

  std::string_view text_;
  const std::string& where_;
  size_t at_ = 0;
};

}  // namespace

Json parse_literal(std::string_view text, const std::string& where) {
  return Parser(text, where).all();
}

}  // namespace zebra::python
