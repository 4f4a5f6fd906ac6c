#pragma once
// A template's source as tokens: text between the tags, and what stands inside them.
#include <string>
#include <string_view>
#include <vector>

namespace zebra::jinja {

enum class TokenKind { text, block_begin, block_end, print_begin, print_end, name, string, integer, real, sign, end };

struct Token {
  TokenKind kind;
  std::string text;  // decoded, for strings
  int line;
};

// White space around tags is handled here (trim_blocks, lstrip_blocks, "-" and "+"), comments and raw blocks too.
// Error(input) begins with `where` and the line.
std::vector<Token> tokenize(std::string_view source, const std::string& where);

}  // namespace zebra::jinja
