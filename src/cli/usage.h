#pragma once
// What the command line says of itself: the first help screen, and what a typing error gets.
#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace zebra::cli {

// Every verb in a line, in the order of a user's way; at most 25 lines.
std::string first_help(const CLI::App& app);

// The first word that should be a verb (or a verb's verb) and is none, before --help or a missing flag hides it; one
// sentence, or "" where all is well.
std::string unknown_verb(const CLI::App& app, const std::vector<std::string>& words);

// What is wrong with the command line, in one sentence.
std::string usage_message(const CLI::App& app, const CLI::ParseError& error);

}  // namespace zebra::cli
