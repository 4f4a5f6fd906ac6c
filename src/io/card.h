#pragma once
// README.md as zebra writes it beside a model: what it is, how it was made, and below that how what it was made of was.
#include <string>

#include "base/file.h"

namespace zebra {

// Title, what it is (a sentence, in Markdown), and how it was made: a command, or what a program printed.
std::string card_head(const std::string& title, const std::string& origin, const std::string& how);

// The README.md of the folder that a model was made from, its headings a level deeper: one card after the other tells
// the whole story. Empty where there is none or where zebra did not write it.
std::string earlier_card(const fs::path& folder);

}  // namespace zebra
