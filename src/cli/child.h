#pragma once
// Runs this same program on other arguments, for verbs that are made of verbs.
#include <string>
#include <vector>

namespace zebra::cli {

// What the verb wrote to standard output; its progress goes to ours on stderr. If it fails, so do we, with its exit
// code (it has already said why).
std::string run_verb(const std::vector<std::string>& arguments);

// "zebra eval out/x --text 'my file'"
std::string command_line(const std::vector<std::string>& arguments);

}  // namespace zebra::cli
