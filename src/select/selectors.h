#pragma once
// Which layers get the better mixer (MLA), from one score per layer: what putting MLA there alone brings. A new
// selector is a function and a line in the table of selectors.cpp.
#include <cstdint>
#include <string>
#include <vector>

namespace zebra {

// SMART (Zebra-Llama section 3.3). Of L layers N are chosen: the first is the best of the first L / N layers and the
// last the best of the last L / N; between them the distances are equal up to one, and of all such placements the one
// with the largest total score is taken. Equal totals: the lexicographically first.
std::vector<int64_t> smart_layers(const std::vector<double>& scores, int64_t count);

// The largest scores, wherever they stand.
std::vector<int64_t> largest_layers(const std::vector<double>& scores, int64_t count);

// Evenly spread, scores ignored: layer floor((2 i + 1) L / (2 N)).
std::vector<int64_t> uniform_layers(const std::vector<double>& scores, int64_t count);

const std::vector<std::string>& selector_names();  // smart, largest, uniform
// Ascending layer numbers; Error(usage) for an unknown name or a count that is not 1..L.
std::vector<int64_t> select_layers(const std::string& selector, const std::vector<double>& scores, int64_t count);

}  // namespace zebra
