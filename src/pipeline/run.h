#pragma once
// Running the stages of a recipe, each as the command that a person would type.
#include <string>
#include <vector>

#include "pipeline/ledger.h"
#include "pipeline/plan.h"

namespace zebra {

// Makes the outputs in `out` that are not there, in order; Error(usage) if one that is there was made otherwise. With
// `jobs` > 1 that many stages run at once, each as soon as what it is made of is there, and OUT/STAGE.log has its
// progress. What each stage took and printed is in the ledger that returns (OUT/stages.json).
StageLedger run_recipe(const Recipe& recipe, const std::string& out, const std::vector<StagePlan>& plans,
                       const StageVerbs& verbs, int64_t jobs);

}  // namespace zebra
