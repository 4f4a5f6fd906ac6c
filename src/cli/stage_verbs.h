#pragma once
// The verbs that a recipe's stages may use, read off their own flags, so that a new flag is a new key at once.
#include "pipeline/stage_verbs.h"

namespace zebra::cli {

const StageVerbs& stage_verbs();

}  // namespace zebra::cli
