#pragma once
// The verbs that a recipe's stages may use, as those who plan and run recipes are told of them.
#include <functional>
#include <string>
#include <vector>

#include "pipeline/recipe.h"

namespace zebra {

struct StageVerbs {
  std::vector<StageVerb> known;
  // Reads the words as the verb itself would, without running it; Error(usage) begins with `where`.
  std::function<void(const std::vector<std::string>& arguments, const std::string& where)> check;
};

}  // namespace zebra
