#include "tokenizer/byte_level.h"

#include <array>

#include "tokenizer/unicode.h"

namespace zebra {

namespace {

struct Alphabet {
  std::array<std::string, 256> characters;
  std::array<int, 512> bytes;

  Alphabet() {
    bytes.fill(-1);
    char32_t spare = 256;  // bytes that print badly take the code points from 256 on
    for (int byte = 0; byte < 256; ++byte) {
      const bool printable = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
      const char32_t c = printable ? static_cast<char32_t>(byte) : spare++;
      unicode::append(characters[static_cast<size_t>(byte)], c);
      bytes[c] = byte;
    }
  }
};

const Alphabet& alphabet() {
  static const Alphabet instance;
  return instance;
}

}  // namespace

std::string_view byte_character(unsigned char byte) {
  return alphabet().characters[byte];
}

int character_byte(char32_t c) {
  return c < 512 ? alphabet().bytes[c] : -1;
}

void append_byte_level(std::string& out, std::string_view text) {
  const Alphabet& letters = alphabet();
  for (const char c : text) out += letters.characters[static_cast<unsigned char>(c)];
}

}  // namespace zebra
