#include "base/command.h"

namespace zebra {

std::string shell_word(const std::string& word) {
  const bool plain = !word.empty() && word.find_first_not_of(
                                          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                          "0123456789_-+=.,/:@%") == std::string::npos;
  if (plain) return word;
  std::string out = "'";
  for (const char c : word) {
    if (c == '\'') out.append("'\\'");
    out += c;
  }
  out += '\'';
  return out;
}

std::string command_line(const std::vector<std::string>& arguments) {
  std::string out = "zebra";
  for (const auto& argument : arguments) out.append(1, ' ').append(shell_word(argument));
  return out;
}

}  // namespace zebra
