#pragma once
// SHA-256 (FIPS 180-4) of texts, as 64 hexadecimal digits.
#include <string>
#include <string_view>

namespace zebra {

std::string sha256_text(std::string_view text);

}  // namespace zebra
