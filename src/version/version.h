#pragma once
// Which program this is, and what came with it.
#include <string>

namespace zebra {

std::string program_version();  // "0.1.0 (3dc8fff, changed)": the release, and the commit it was built from
std::string torch_version();    // of the headers that it was built with
bool built_with_cuda();
std::string source_folder();    // that it was built from: recipes/ and models/ are in it
std::string default_teacher();  // folder of the small model that comes with the project

}  // namespace zebra
