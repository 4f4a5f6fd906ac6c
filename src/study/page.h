#pragma once
// report.html of `zebra reproduce`: the table, pictures and claims of results.json as one page without scripts.
#include <string>

#include "io/json.h"

namespace zebra {

std::string reproduce_page(const Json& results);

}  // namespace zebra
