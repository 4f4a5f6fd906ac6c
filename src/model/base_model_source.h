#pragma once
#include <memory>

#include "model/checkpoint.h"

namespace zebra {

// The tensors of `source` under the names of a whole model, where the folder holds one without its head.
std::unique_ptr<WeightSource> with_full_names(std::unique_ptr<WeightSource> source);

}  // namespace zebra
