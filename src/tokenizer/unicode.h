#pragma once
// UTF-8 and the character properties that tokenizers ask for, by the Unicode versions that Hugging Face tokenizers uses
// (scripts/unicode_tables.py says which).
#include <cstdint>
#include <string>
#include <string_view>

namespace zebra::unicode {

enum Property : uint8_t {
  kLetter = 1,   // \p{L}
  kNumber = 2,   // \p{N}
  kSpace = 4,    // \s, White_Space
  kNumeric = 8,  // what the Digits pre-tokenizer splits on
  kWord = 16,    // \w
};
uint8_t properties(char32_t c);
inline bool has(char32_t c, uint8_t wanted) {
  return properties(c) & wanted;
}

// The code point at text[at] of valid UTF-8, and its length in bytes.
struct Decoded {
  char32_t c;
  uint32_t bytes;
};
Decoded decode(std::string_view text, size_t at);
size_t previous(std::string_view text, size_t end);  // where the code point that ends at `end` > 0 begins
void append(std::string& out, char32_t c);
std::u32string to_utf32(std::string_view text);
std::string to_utf8(std::u32string_view text);

// `text` with every maximal ill-formed part replaced by U+FFFD, as Rust's from_utf8_lossy and Python's "replace" do.
std::string lossy(std::string_view text);
bool valid(std::string_view text);

void append_lower(std::u32string& out, char32_t c);

}  // namespace zebra::unicode
