#pragma once
// Running the stages of a recipe, each as the command that a person would type.
#include <string>
#include <vector>

#include "cli/stage_plan.h"
#include "recipe/ledger.h"

namespace zebra::cli {

// Makes the outputs in `out` that are not there, in order; Error(usage) if one that is there was made otherwise. What
// each stage took and printed is in the ledger that returns (OUT/stages.json).
StageLedger run_recipe(const Recipe& recipe, const std::string& out, const std::vector<StagePlan>& plans);

}  // namespace zebra::cli
