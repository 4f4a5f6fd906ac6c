#pragma once
// The verbs that a recipe's stages may use, read off their own flags, so that a new flag is a new key at once.
#include <string>
#include <vector>

#include "recipe/recipe.h"

namespace zebra::cli {

const std::vector<StageVerb>& stage_verbs();

// Parses the words as the verb itself would, without running it; Error(usage) begins with `where`.
void check_arguments(const std::vector<std::string>& arguments, const std::string& where);

}  // namespace zebra::cli
