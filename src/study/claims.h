#pragma once
// What the papers claim, judged by the rows of results.json.
#include "io/json.h"

namespace zebra {

// A list, one entry a claim: `claim`, `verdict`, `note`, and `comparisons` of the rows that stand for it, each with
// `first`, `second`, `measures` (means, recall, KL) and `tasks` (each by itself). Of these: `measure`, `first`,
// `second`, `difference` (first - second), `stderr` (of the difference, the two rows' pooled; null where there is none)
// and `seen`. Within one standard error no difference is seen. "not a test" is the verdict where questions or training
// tokens are too few to say anything; the note says how many they are.
Json judge_claims(const Json& results);

}  // namespace zebra
