#pragma once
// The name of a JSON value, for headers that only pass one on.
#include <nlohmann/json_fwd.hpp>

namespace zebra {

using Json = nlohmann::ordered_json;

}  // namespace zebra
