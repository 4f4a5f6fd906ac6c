#pragma once
// Layers of a hybrid teacher that are MLA or Mamba2 already: the student keeps them as they are, and new layers must
// fit beside them.
#include <string>
#include <vector>

#include "model/config.h"

namespace zebra {

// Their numbers; none of a Transformer.
std::vector<int64_t> inherited_layers(const ModelConfig& teacher);

// Error(input) where there are any: `what` cannot start from a hybrid.
void check_transformer(const ModelConfig& teacher, const std::string& what);

// A folder says once for all its MLA layers, and once for all its Mamba2 layers, what does not differ from layer to
// layer (docs/formats.md). Error(usage) where a new layer of `student` would need something else than an inherited one.
void check_beside_inherited(const ModelConfig& teacher, const ModelConfig& student);

}  // namespace zebra
