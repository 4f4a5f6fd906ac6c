#pragma once
// Which parameters a run leaves as they are.
#include <set>
#include <string>
#include <vector>

#include "model/config.h"

namespace zebra {

// Names of the parameters that a shell pattern matches: `*` is any text (dots too), `?` one character, `[ab]` one of
// several. Error(usage) names a pattern that matches none, and says so if nothing is left to train.
std::set<std::string> frozen_parameters(const ModelConfig& model, const std::vector<std::string>& patterns);

}  // namespace zebra
