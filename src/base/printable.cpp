#include "base/printable.h"

#include <algorithm>
#include <cstdio>

#include "base/utf8.h"

namespace zebra {

std::string printable(std::string_view text) {
  std::string out;
  for (size_t at = 0, bad = 0; at < text.size();) {
    const size_t size = utf8_length(text, at, bad);
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
