#pragma once
// The best use of a cache budget: in every layer the free mixer (Mamba2) or one of several that cost cache (MLA of a
// rank), with values that add up. Exact dynamic programming over the budget, as Puzzletron does with integer programs.
#include <cstdint>
#include <vector>

namespace zebra {

struct LayerOption {
  int64_t cost = 0;  // cache values per token, 1 or more
  double value = 0;  // KL saved, finite
};

constexpr int64_t kFreeOption = -1;

// options[layer] -> the index of each layer's choice, kFreeOption (cost and value 0) among them: of all choices whose
// costs sum to at most `budget` one with the largest sum of values, and of equal ones a cheapest. Error(usage) for a
// budget below 0 or a cost below 1. Work and memory: layers x budget x options, after division by the costs' common
// divisor.
std::vector<int64_t> knapsack(const std::vector<std::vector<LayerOption>>& options, int64_t budget);

}  // namespace zebra
