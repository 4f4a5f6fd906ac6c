#pragma once
// README.md as zebra writes it beside a model: what it is, how it is loaded, how it was made, and below that how what
// it was made of was. It begins with the lines of YAML that the Hugging Face hub reads, and names no path of the
// machine.
#include <string>
#include <vector>

#include "base/file.h"

namespace zebra {

struct CardHead {
  std::string title, origin;  // origin: what it is, a sentence in Markdown
  std::string how;            // a command, or what a program printed
  fs::path made_from;         // folder of the model before; its card tells the licence. Empty: made from nothing
  bool is_hybrid = false;     // only zebra loads it
  std::vector<std::string> tags;
};
std::string card_head(const CardHead& head);

// The README.md of the folder that a model was made from, its headings a level deeper: one card after the other tells
// the whole story. Empty where there is none or where zebra did not write it.
std::string earlier_card(const fs::path& folder);

// Absolute paths cut short: what is below the current folder from there on, of others the last name.
std::string without_machine_paths(const std::string& text);

}  // namespace zebra
