#pragma once
// Rotation frequencies as a checkpoint can say them: AMD's tables hold any geometric sequence (theta and a linear
// factor); everything else needs our own key rope_inv_freq (docs/formats.md).
#include <vector>

#include "model/config.h"

namespace zebra {

bool is_geometric(const std::vector<double>& frequencies);

// `rope` with these frequencies, whatever the text's length, by theta and linear factor where possible, else listed in
// inv_freq.
RopeConfig with_frequencies(RopeConfig rope, const std::vector<double>& frequencies);

// The same with those of `all` that stand at these places; under dynamic scaling they go on growing with the text.
RopeConfig with_frequencies(RopeConfig rope, const std::vector<double>& all, const std::vector<int64_t>& places);

// Whether MLA layers of one folder can rotate by both: they are the same, or differ in frequencies alone.
bool share_table(const RopeConfig& a, const RopeConfig& b);

// A folder holds one rope table; where MLA layers differ (which must share one) each lists its own frequencies.
void unify_tables(ModelConfig& model);

}  // namespace zebra
