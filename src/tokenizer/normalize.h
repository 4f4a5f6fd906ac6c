#pragma once
// Unicode normalization forms (UAX #15) by the tables of Unicode 9.0, as Hugging Face tokenizers has them.
#include <string>
#include <string_view>

namespace zebra::unicode {

enum class Form { nfc, nfd, nfkc, nfkd };

std::string normalize(std::string_view text, Form form);

}  // namespace zebra::unicode
