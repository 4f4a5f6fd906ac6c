#pragma once
// Which program this is: for --version, `zebra env` and whatever records how a result was made.
#include <string>

namespace zebra::cli {

std::string program_version();  // "0.1.0 (3dc8fff, changed)": the release, and the commit it was built from
std::string torch_version();    // of the headers that it was built with
bool built_with_cuda();

}  // namespace zebra::cli
