#pragma once
// What messages quote from hostile files, so that nothing in it steers a terminal or starts a line.
#include <string>
#include <string_view>

namespace zebra {

// Control characters become spaces, bytes that are not UTF-8 \xff.
std::string printable(std::string_view text);

}  // namespace zebra
