#pragma once
// What a hybrid's config.json calls itself. Its own names, `model_type: zebra` and `ZebraForCausalLM`, keep other
// programs from loading it as the Transformer that it was made from, with attention weights that it does not have.
#include <string>

#include "io/json.h"

namespace zebra {

// The config.json of a hybrid under its own names; those of its base family stay in `base_model_type` and
// `base_architectures`, and `zebra_format` numbers this way to write a folder.
Json with_hybrid_name(const Json& config);

// Back again: as the base family's config.json. Unchanged where it has no such names (a Transformer, AMD's folders,
// hybrids written before the names). Error(input), which begins with `where`, if `is_hybrid` is false, if the base
// family is missing, or if the number is of a later version.
Json with_base_name(const Json& config, const std::string& where, bool is_hybrid);

}  // namespace zebra
