#include "data/python_text.h"

#include <algorithm>
#include <unordered_map>

#include "tokenizer/unicode.h"

namespace zebra::python {

namespace {

// The inverse of lower-casing, which differs from Unicode's upper-casing for a handful of characters only; those that
// occur in European text are listed.
std::u32string upper_of(char32_t c) {
  static const auto table = [] {
    std::unordered_map<char32_t, char32_t> inverse;
    for (char32_t u = 0; u < 0x1E944; ++u) {
      std::u32string lowered;
      unicode::append_lower(lowered, u);
      if (lowered.size() == 1 && lowered[0] != u) inverse.emplace(lowered[0], u);  // the first of several wins
    }
    inverse[U'µ'] = U'Μ';
    inverse[U'ı'] = U'I';
    inverse[U'ſ'] = U'S';
    inverse[U'ς'] = U'Σ';
    inverse[U'k'] = U'K';
    inverse[U'å'] = U'Å';
    inverse[U'ω'] = U'Ω';
    return inverse;
  }();
  if (c == U'ß') return U"SS";
  const auto found = table.find(c);
  return std::u32string(1, found == table.end() ? c : found->second);
}

std::u32string lower_of(char32_t c) {
  std::u32string out;
  unicode::append_lower(out, c);
  return out;
}

bool is_cased(char32_t c) {
  return lower_of(c) != std::u32string(1, c) || upper_of(c) != std::u32string(1, c);
}

// The first character of a word: "ß" becomes "Ss".
std::u32string title_of(char32_t c) {
  std::u32string up = upper_of(c);
  for (size_t i = 1; i < up.size(); ++i) up[i] = lower_of(up[i])[0];
  return up;
}

template <class Drop>
std::string_view strip_if(std::string_view text, bool left, bool right, Drop drop) {
  size_t begin = 0, end = text.size();
  while (left && begin < end) {
    const auto [c, bytes] = unicode::decode(text, begin);
    if (!drop(c)) break;
    begin += bytes;
  }
  while (right && end > begin) {
    const size_t last = unicode::previous(text, end);
    if (!drop(unicode::decode(text, last).c)) break;
    end = last;
  }
  return text.substr(begin, end - begin);
}

}  // namespace

bool is_space(char32_t c) {
  return (c >= 0x1C && c <= 0x1F) || unicode::has(c, unicode::kSpace);
}

std::string_view strip_left(std::string_view text) {
  return strip_if(text, true, false, is_space);
}
std::string_view strip_right(std::string_view text) {
  return strip_if(text, false, true, is_space);
}
std::string_view strip(std::string_view text) {
  return strip_if(text, true, true, is_space);
}
std::string_view strip(std::string_view text, std::string_view characters, bool left, bool right) {
  const std::u32string set = unicode::to_utf32(characters);
  return strip_if(text, left, right, [&](char32_t c) { return set.find(c) != std::u32string::npos; });
}

int64_t length(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; });
}

std::string replace(std::string_view text, std::string_view from, std::string_view to, int64_t count) {
  std::string out;
  if (from.empty()) {  // between all characters
    for (size_t at = 0; at <= text.size();) {
      if (count != 0) out += to;
      if (count > 0) --count;
      if (at == text.size()) break;
      const size_t bytes = unicode::decode(text, at).bytes;
      out += text.substr(at, bytes);
      at += bytes;
    }
    return out;
  }
  size_t at = 0;
  for (size_t found; count != 0 && (found = text.find(from, at)) != std::string_view::npos; --count) {
    out += text.substr(at, found - at);
    out += to;
    at = found + from.size();
  }
  out += text.substr(at);
  return out;
}

std::vector<std::string> split(std::string_view text, std::string_view separator, int64_t limit) {
  std::vector<std::string> parts;
  size_t at = 0;
  for (size_t found; limit != 0 && (found = text.find(separator, at)) != std::string_view::npos; --limit) {
    parts.emplace_back(text.substr(at, found - at));
    at = found + separator.size();
  }
  parts.emplace_back(text.substr(at));
  return parts;
}

std::vector<std::string> split_space(std::string_view text, int64_t limit) {
  std::vector<std::string> parts;
  for (text = strip_left(text); !text.empty(); text = strip_left(text)) {
    if (limit-- == 0) {
      parts.emplace_back(text);
      break;
    }
    size_t end = 0;
    while (end < text.size()) {
      const auto [c, bytes] = unicode::decode(text, end);
      if (is_space(c)) break;
      end += bytes;
    }
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return parts;
}

std::string lower(std::string_view text) {
  std::u32string out;
  for (const char32_t c : unicode::to_utf32(text)) unicode::append_lower(out, c);
  return unicode::to_utf8(out);
}

std::string upper(std::string_view text) {
  std::u32string out;
  for (const char32_t c : unicode::to_utf32(text)) out += upper_of(c);
  return unicode::to_utf8(out);
}

std::string capitalize(std::string_view text) {
  std::u32string out;
  for (const char32_t c : unicode::to_utf32(text)) out += out.empty() ? title_of(c) : lower_of(c);
  return unicode::to_utf8(out);
}

std::string title(std::string_view text) {
  std::u32string out;
  bool inside = false;
  for (const char32_t c : unicode::to_utf32(text)) {
    out += inside ? lower_of(c) : title_of(c);
    inside = is_cased(c);
  }
  return unicode::to_utf8(out);
}

}  // namespace zebra::python
