#pragma once
#include <cstddef>

namespace zebra {

// Larger files of JSON are refused before they are parsed: a document takes several times its text.
inline constexpr size_t kJsonLimit = size_t{16} << 20;

}  // namespace zebra
