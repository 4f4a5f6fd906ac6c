#pragma once
// A run on rows that grow: most of its tokens in short rows, the last ones in the longest (HyLo and RADLADS train so).
#include <cstdint>
#include <string>
#include <vector>

namespace zebra {

struct LengthStage {
  int64_t length = 0;
  double part = 0;  // of the run's tokens
};

// From "2048:0.5", "8192:0.3", "32768:0.2"; nothing from nothing. Lengths grow, each divides the last, parts sum to 1:
// Error(usage) says what does not.
std::vector<LengthStage> parse_length_stages(const std::vector<std::string>& text);

// The length of the rows of step `step` of `steps`; `otherwise` where there are no stages.
int64_t length_at(const std::vector<LengthStage>& stages, int64_t step, int64_t steps, int64_t otherwise);

}  // namespace zebra
