#pragma once
// What stands in every layer of a model and what it costs in cache, as HTML: a picture and a table.
#include <string>

#include "model/config.h"

namespace zebra {

std::string layer_map(const ModelConfig& config);

}  // namespace zebra
