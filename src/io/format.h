#pragma once
// The number that files of ours carry under "format". It grows when what a file says changes its meaning, so that an
// older program does not misread it.
#include <cstdint>
#include <string>

#include "io/json.h"

namespace zebra {

// The number in `object`, or 1 where it has none, as files from before these numbers. Error(input) says so where a
// program that knows formats up to `known` cannot read it.
int64_t read_format(const Json& object, const std::string& where, int64_t known);

}  // namespace zebra
