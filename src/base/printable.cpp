#include "base/printable.h"

#include <algorithm>
#include <cstdio>

namespace zebra {

namespace {

// Bytes of the well-formed UTF-8 character that begins at text[at]; 0 where there is none.
size_t character_size(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const unsigned first = byte(at), second = byte(at + 1);
  if (first < 0x80) return 1;
  const size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4) return 0;
  if (first == 0xe0 && second < 0xa0) return 0;  // would fit into fewer bytes
  if (first == 0xed && second > 0x9f) return 0;  // surrogates
  if (first == 0xf0 && second < 0x90) return 0;
  if (first == 0xf4 && second > 0x8f) return 0;  // above U+10FFFF
  for (size_t i = 1; i < size; ++i) {
    if ((byte(at + i) & 0xc0) != 0x80) return 0;
  }
  return size;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t size = character_size(text, at);
    const auto first = static_cast<unsigned char>(text[at]);
    // U+0080 to U+009F steer terminals as well.
    const bool control = size == 1 ? first < 32 || first == 127
                                   : size == 2 && first == 0xc2 && static_cast<unsigned char>(text[at + 1]) < 0xa0;
    if (size == 0) {
      char escaped[5];
      std::snprintf(escaped, sizeof escaped, "\\x%02x", first);
      out += escaped;
    } else {
      out += control ? " " : text.substr(at, size);
    }
    at += std::max<size_t>(size, 1);
  }
  return out;
}

}  // namespace zebra
