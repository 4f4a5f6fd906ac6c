#pragma once
// GPT-2's alphabet: every byte as one printable character, so that any text is a string of known characters.
#include <string>
#include <string_view>

namespace zebra {

std::string_view byte_character(unsigned char byte);  // UTF-8
int character_byte(char32_t c);                       // -1 if c stands for no byte
void append_byte_level(std::string& out, std::string_view text);

}  // namespace zebra
