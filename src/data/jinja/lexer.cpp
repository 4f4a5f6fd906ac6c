#include "data/jinja/lexer.h"

#include <algorithm>

#include "base/error.h"
#include "data/python_text.h"
#include "tokenizer/unicode.h"

namespace zebra::jinja {

namespace {

// Line ends as "\n", and without one at the very end.
std::string normalized(std::string_view source) {
  std::string out;
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      out += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    } else {
      out += source[i];
    }
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

bool name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool digit(char c) {
  return c >= '0' && c <= '9';
}

class Lexer {
 public:
  Lexer(std::string_view source, const std::string& where) : source_(normalized(source)), where_(where) {}

  std::vector<Token> all() {
    while (at_ < source_.size()) between();
    add(TokenKind::end, "");
    return std::move(tokens_);
  }

 private:
  [[noreturn]] void bad(const std::string& what) const { fail_input(where_, ", line ", line_, ": ", what); }
  void add(TokenKind kind, std::string text) { tokens_.push_back({kind, std::move(text), line_}); }
  bool at(std::string_view text) const { return source_.compare(at_, text.size(), text) == 0; }
  void skip(size_t bytes) {
    line_ += static_cast<int>(std::count(source_.begin() + static_cast<std::ptrdiff_t>(at_),
                                         source_.begin() + static_cast<std::ptrdiff_t>(at_ + bytes), '\n'));
    at_ += bytes;
  }

  // The text up to the next tag, and that tag.
  void between() {
    size_t tag = source_.find('{', at_);
    while (tag != std::string::npos && tag + 1 < source_.size() &&
           std::string_view("{%#").find(source_[tag + 1]) == std::string_view::npos)
      tag = source_.find('{', tag + 1);
    if (tag != std::string::npos && tag + 1 >= source_.size()) tag = std::string::npos;
    const size_t end = tag == std::string::npos ? source_.size() : tag;
    std::string text = source_.substr(at_, end - at_);
    const char sign = tag != std::string::npos && tag + 2 < source_.size() ? source_[tag + 2] : ' ';
    const char kind = tag == std::string::npos ? ' ' : source_[tag + 1];
    if (sign == '-') {
      text = python::strip_right(text);
    } else if (sign != '+' && (kind == '%' || kind == '#')) {
      text = without_indent(std::move(text));
    }
    if (!text.empty()) add(TokenKind::text, text);
    skip(end - at_);
    if (tag == std::string::npos) return;
    skip(2 + (sign == '-' || sign == '+' ? 1 : 0));
    if (kind == '#')
      comment();
    else if (kind == '%')
      block();
    else
      print();
  }

  // White space before a block at the start of its line is dropped.
  std::string without_indent(std::string text) const {
    const size_t line = text.rfind('\n');
    const size_t begin = line == std::string::npos ? 0 : line + 1;
    // The line must begin within this text, or at the start of the template.
    const bool starts = line != std::string::npos || at_ == 0 || source_[at_ - 1] == '\n';
    if (starts && python::strip(std::string_view(text).substr(begin)).empty()) text.resize(begin);
    return text;
  }

  // After a tag: "-" drops all white space, else a block's or comment's newline goes.
  void after(bool strip, bool keep, bool trims) {
    if (strip) {
      const std::string_view rest = std::string_view(source_).substr(at_);
      skip(rest.size() - python::strip_left(rest).size());
    } else if (trims && !keep && at_ < source_.size() && source_[at_] == '\n') {
      skip(1);
    }
  }

  void comment() {
    const size_t end = source_.find("#}", at_);
    if (end == std::string::npos) bad("a comment {# has no end #}");
    const char sign = end > at_ ? source_[end - 1] : ' ';
    skip(end + 2 - at_);
    after(sign == '-', sign == '+', true);
  }

  void print() {
    add(TokenKind::print_begin, "{{");
    inside("}}", TokenKind::print_end, false);
  }

  void block() {
    size_t word = at_;
    while (word < source_.size() && python::is_space(static_cast<unsigned char>(source_[word]))) ++word;
    if (source_.compare(word, 3, "raw") == 0 && (word + 3 >= source_.size() || !name_start(source_[word + 3]))) {
      const size_t before = tokens_.size();
      inside("%}", TokenKind::block_end, false);
      if (tokens_.size() != before + 2) bad("raw takes nothing");
      tokens_.resize(before);
      raw();
      return;
    }
    add(TokenKind::block_begin, "{%");
    inside("%}", TokenKind::block_end, true);
  }

  void raw() {
    for (size_t tag = source_.find("{%", at_); tag != std::string::npos; tag = source_.find("{%", tag + 2)) {
      size_t word = tag + 2;
      const char sign = word < source_.size() ? source_[word] : ' ';
      if (sign == '-' || sign == '+') ++word;
      while (word < source_.size() && python::is_space(static_cast<unsigned char>(source_[word]))) ++word;
      if (source_.compare(word, 6, "endraw") != 0) continue;
      std::string text = source_.substr(at_, tag - at_);
      if (sign == '-')
        text = python::strip_right(text);
      else if (sign != '+')
        text = without_indent(std::move(text));
      if (!text.empty()) add(TokenKind::text, text);
      skip(word + 6 - at_);
      const size_t before = tokens_.size();
      inside("%}", TokenKind::block_end, true);
      tokens_.resize(before);
      return;
    }
    bad("a raw block has no endraw");
  }

  void inside(std::string_view close, TokenKind kind, bool trims) {
    int open = 0;  // brackets: "}}" may close two of them
    while (true) {
      while (at_ < source_.size() && python::is_space(static_cast<unsigned char>(source_[at_]))) skip(1);
      if (at_ >= source_.size()) bad(cat("a tag has no end \"", close, "\""));
      if (open == 0) {
        const char sign = source_[at_];
        const bool closes = (sign == '-' || sign == '+') && source_.compare(at_ + 1, 2, close) == 0;
        if ((closes && (sign == '-' || kind == TokenKind::block_end)) || at(close)) {
          skip(closes ? 3 : 2);
          add(kind, "");
          after(closes && sign == '-', closes && sign == '+', trims);
          return;
        }
      }
      token(open);
    }
  }

  void token(int& open) {
    const char c = source_[at_];
    if (name_start(c)) {
      size_t end = at_;
      while (end < source_.size() && (name_start(source_[end]) || digit(source_[end]))) ++end;
      add(TokenKind::name, source_.substr(at_, end - at_));
      skip(end - at_);
    } else if (digit(c)) {
      number();
    } else if (c == '\'' || c == '"') {
      string(c);
    } else {
      static const std::string_view two[] = {"==", "!=", ">=", "<=", "//", "**"};
      for (const std::string_view sign : two) {
        if (at(sign)) {
          add(TokenKind::sign, std::string(sign));
          skip(2);
          return;
        }
      }
      if (std::string_view("+-*/%~<>=()[]{}.,:|").find(c) == std::string_view::npos) {
        bad(cat("unexpected character \"", unicode::lossy(source_.substr(at_, 4)), "\""));
      }
      if (std::string_view("([{").find(c) != std::string_view::npos) ++open;
      if (std::string_view(")]}").find(c) != std::string_view::npos) --open;
      if (open < 0) bad(cat("\"", c, "\" closes nothing"));
      add(TokenKind::sign, std::string(1, c));
      skip(1);
    }
  }

  void number() {
    size_t end = at_;
    bool real = false;
    const auto digits = [&] {
      while (end < source_.size() && (digit(source_[end]) || source_[end] == '_')) ++end;
    };
    digits();
    if (end + 1 < source_.size() && source_[end] == '.' && digit(source_[end + 1])) {
      real = true;
      ++end;
      digits();
    }
    if (end + 1 < source_.size() && (source_[end] == 'e' || source_[end] == 'E')) {
      const size_t power = end + 1 + (source_[end + 1] == '-' || source_[end + 1] == '+' ? 1 : 0);
      if (power < source_.size() && digit(source_[power])) {
        real = true;
        end = power;
        digits();
      }
    }
    std::string text = source_.substr(at_, end - at_);
    std::erase(text, '_');
    if (!real && text.size() > 18) bad("a number of more than 18 digits");
    add(real ? TokenKind::real : TokenKind::integer, text);
    skip(end - at_);
  }

  void string(char quote) {
    size_t end = at_ + 1;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size()) bad("a text in quotes has no end");
    add(TokenKind::string, unescaped(std::string_view(source_).substr(at_ + 1, end - at_ - 1)));
    skip(end + 1 - at_);
  }

  std::string unescaped(std::string_view raw) const {
    std::string out;
    for (size_t i = 0; i < raw.size(); ++i) {
      if (raw[i] != '\\' || i + 1 == raw.size()) {
        out += raw[i];
        continue;
      }
      const char c = raw[++i];
      static constexpr std::string_view kNames = "\\'\"abfnrtv", kValues = "\\'\"\a\b\f\n\r\t\v";
      if (c == '\n') continue;
      if (const size_t known = kNames.find(c); known != std::string_view::npos) {
        out += kValues[known];
      } else if (c == 'x' || c == 'u' || c == 'U') {
        const size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : 8;
        const std::string hex(raw.substr(i + 1, digits));
        if (hex.size() != digits || hex.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos)
          bad(cat("\"\\", c, "\" needs ", digits, " hexadecimal digits"));
        const unsigned long value = std::stoul(hex, nullptr, 16);
        if (value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) bad("an escape that is no Unicode character");
        unicode::append(out, static_cast<char32_t>(value));
        i += digits;
      } else if (c >= '0' && c <= '7') {
        char32_t value = 0;
        size_t k = 0;
        for (; k < 3 && i + k < raw.size() && raw[i + k] >= '0' && raw[i + k] <= '7'; ++k)
          value = value * 8 + static_cast<char32_t>(raw[i + k] - '0');
        unicode::append(out, value);
        i += k - 1;
      } else {
        out += '\\';
        out += c;
      }
    }
    return out;
  }

  const std::string source_;
  const std::string& where_;
  size_t at_ = 0;
  int line_ = 1;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokenize(std::string_view source, const std::string& where) {
  if (!unicode::valid(source)) fail_input(where, ": expected a template in UTF-8");
  return Lexer(source, where).all();
}

}  // namespace zebra::jinja
