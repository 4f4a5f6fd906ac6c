#pragma once
// Python literals (lists, tuples, dicts, strings, numbers, True, False, None) as JSON: the RACE dataset keeps its
// questions as such text.
#include <string>
#include <string_view>

#include "io/json.h"

namespace zebra::python {

// Error(input) begins with `where` and names the byte at which the text is not a literal. Depth at most 64.
Json parse_literal(std::string_view text, const std::string& where);

}  // namespace zebra::python
