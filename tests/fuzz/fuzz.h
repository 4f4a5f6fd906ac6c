#pragma once
// What a fuzz target defines: one entry as libFuzzer calls it (clang++ -fsanitize=fuzzer TARGET.cpp ..), and, for the
// driver that needs no clang, what it starts from.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

// Returns 0; anything but the errors that the code under test promises ends the program.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace zebra::fuzz {

std::vector<std::string> seeds();  // inputs that are in order
std::vector<std::string> words();  // what a mutation may put in

}  // namespace zebra::fuzz
