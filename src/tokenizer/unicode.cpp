#include "tokenizer/unicode.h"

#include <algorithm>
#include <vector>

#include "base/utf8.h"
#include "tokenizer/unicode_tables.h"

namespace zebra::unicode {

namespace {

constexpr char32_t kCodePoints = 0x110000;

// One byte a code point: 1.1 MB, made once, faster than a search in every step of a scanner.
std::vector<uint8_t> property_table() {
  std::vector<uint8_t> table(kCodePoints);
  for (size_t i = 0; i < kPropertiesCount; ++i) {
    const PropertyRange& range = kProperties[i];
    std::fill(table.begin() + range.first, table.begin() + range.last + 1, static_cast<uint8_t>(range.value));
  }
  return table;
}

}  // namespace

uint8_t properties(char32_t c) {
  static const std::vector<uint8_t> table = property_table();
  return c < kCodePoints ? table[c] : 0;
}

Decoded decode(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[at + i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const auto tail = [&](size_t i) { return static_cast<char32_t>(byte(i) & 0x3F); };
  if (lead < 0xE0) return {(lead & 0x1Fu) << 6 | tail(1), 2};
  if (lead < 0xF0) return {(lead & 0x0Fu) << 12 | tail(1) << 6 | tail(2), 3};
  return {(lead & 0x07u) << 18 | tail(1) << 12 | tail(2) << 6 | tail(3), 4};
}

size_t previous(std::string_view text, size_t end) {
  do --end;
  while (end > 0 && (static_cast<uint8_t>(text[end]) & 0xC0) == 0x80);
  return end;
}

void append(std::string& out, char32_t c) {
  const auto put = [&](char32_t bits) { out.push_back(static_cast<char>(bits)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | c >> 6), put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | c >> 12), put(0x80 | (c >> 6 & 0x3F)), put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | c >> 18), put(0x80 | (c >> 12 & 0x3F)), put(0x80 | (c >> 6 & 0x3F)), put(0x80 | (c & 0x3F));
  }
}

std::u32string to_utf32(std::string_view text) {
  std::u32string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const Decoded next = decode(text, at);
    out.push_back(next.c);
    at += next.bytes;
  }
  return out;
}

std::string to_utf8(std::u32string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char32_t c : text) append(out, c);
  return out;
}

bool valid(std::string_view text) {
  for (size_t at = 0, bad = 0; at < text.size();) {
    const size_t length = utf8_length(text, at, bad);
    if (length == 0) return false;
    at += length;
  }
  return true;
}

std::string lossy(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0, bad = 0; at < text.size();) {
    const size_t length = utf8_length(text, at, bad);
    if (length == 0) {
      out += "\xEF\xBF\xBD";
      at += bad;
    } else {
      out.append(text.substr(at, length));
      at += length;
    }
  }
  return out;
}

void append_lower(std::u32string& out, char32_t c) {
  if (c == 0x130) {  // the one letter whose lower case is two characters
    out += U"i\u0307";
    return;
  }
  const LowerRange* end = kLower + kLowerCount;
  const LowerRange* found =
      std::lower_bound(kLower, end, c, [](const LowerRange& r, char32_t x) { return r.last < x; });
  const bool inside = found != end && c >= found->first && (c - found->first) % found->step == 0;
  out.push_back(inside ? static_cast<char32_t>(static_cast<int32_t>(c) + found->delta) : c);
}

}  // namespace zebra::unicode
