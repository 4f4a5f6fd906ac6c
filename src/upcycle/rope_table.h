#pragma once
// Rotation frequencies as a checkpoint can say them: AMD's tables hold any geometric sequence (theta and a linear
// factor); everything else needs our own key rope_inv_freq (docs/formats.md).
#include <vector>

#include "layers/config.h"

namespace zebra {

bool is_geometric(const std::vector<double>& frequencies);

// `rope` with these frequencies, by theta and linear factor where possible, else listed in inv_freq.
RopeConfig with_frequencies(RopeConfig rope, const std::vector<double>& frequencies);

// The same with those of `all` that stand at these places.
RopeConfig with_frequencies(RopeConfig rope, const std::vector<double>& all, const std::vector<int64_t>& places);

}  // namespace zebra
