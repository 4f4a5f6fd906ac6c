#pragma once
// --tokens of the verbs that have no field list for it.
#include <cstdint>
#include <string>

#include "base/error.h"
#include "base/fields.h"

namespace zebra::cli {

// 1000000 of "1M"; Error(usage) for less than `least`.
inline int64_t token_count(const std::string& text, int64_t least) {
  int64_t tokens = 0;
  if (!parse_field(text, tokens) || tokens < least) {
    fail_usage("--tokens: expected a number of tokens, ", least, " or more, as 1M, found \"", text, "\"");
  }
  return tokens;
}

}  // namespace zebra::cli
