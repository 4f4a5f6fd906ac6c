#include "select/knapsack.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"

namespace zebra {

namespace {

constexpr int64_t kTableEntries = int64_t{1} << 28;

// Costs have this in common, so that only its multiples are told apart.
int64_t check_and_unit(const std::vector<std::vector<LayerOption>>& options, int64_t budget) {
  if (budget < 0) fail_usage("knapsack: expected a budget of 0 or more, found ", budget);
  int64_t unit = 0;
  for (const auto& layer : options) {
    for (const auto& option : layer) {
      if (option.cost < 1) fail_usage("knapsack: expected costs of 1 or more, found ", option.cost);
      if (!std::isfinite(option.value)) fail(ErrorKind::runtime, "knapsack: an option's value is not finite");
      unit = std::gcd(unit, option.cost);
    }
  }
  return std::max<int64_t>(unit, 1);
}

}  // namespace

std::vector<int64_t> knapsack(const std::vector<std::vector<LayerOption>>& options, int64_t budget) {
  const int64_t unit = check_and_unit(options, budget);
  int64_t most = 0;  // that all layers together can spend
  for (const auto& layer : options) {
    int64_t dearest = 0;
    for (const auto& option : layer) dearest = std::max(dearest, option.cost);
    most += dearest / unit;
  }
  const auto units = static_cast<size_t>(std::min(budget / unit, most));
  if (static_cast<int64_t>(units + 1) > kTableEntries / std::max<int64_t>(1, static_cast<int64_t>(options.size()))) {
    fail_usage("knapsack: a budget of ", budget, " in steps of ", unit,
               " is too fine; use ranks with a common divisor");
  }
  // best[b]: largest value of the layers so far at a cost of at most b; taken[layer][b]: how.
  std::vector<double> best(units + 1, 0.0);
  std::vector<std::vector<int32_t>> taken(options.size(), std::vector<int32_t>(units + 1, kFreeOption));
  for (size_t layer = 0; layer < options.size(); ++layer) {
    std::vector<double> next = best;
    for (size_t index = 0; index < options[layer].size(); ++index) {
      const auto cost = static_cast<size_t>(options[layer][index].cost / unit);
      for (size_t b = cost; b <= units; ++b) {
        const double value = best[b - cost] + options[layer][index].value;
        if (value > next[b]) next[b] = value, taken[layer][b] = static_cast<int32_t>(index);
      }
    }
    best = std::move(next);
  }
  // The least budget with the largest value.
  auto at = static_cast<size_t>(std::lower_bound(best.begin(), best.end(), best.back()) - best.begin());
  std::vector<int64_t> choice(options.size(), kFreeOption);
  for (size_t layer = options.size(); layer-- > 0;) {
    choice[layer] = taken[layer][at];
    if (choice[layer] != kFreeOption) {
      at -= static_cast<size_t>(options[layer][static_cast<size_t>(choice[layer])].cost / unit);
    }
  }
  return choice;
}

}  // namespace zebra
