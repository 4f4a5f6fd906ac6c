#pragma once
// Which bytes are UTF-8.
#include <cstddef>
#include <string_view>

namespace zebra {

// Length of the well-formed sequence at text[at], or 0; `bad` is then the length of the maximal ill-formed part.
size_t utf8_length(std::string_view text, size_t at, size_t& bad);

}  // namespace zebra
