#include "select/choice.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/text.h"
#include "select/knapsack.h"
#include "select/selectors.h"

namespace zebra {

namespace {

std::map<int64_t, size_t> spend(double percent, const std::vector<LayerChoice>& options, const ModelConfig& teacher) {
  int64_t full = 0;
  for (const auto& mixer : teacher.mixers) full += cached_values(mixer);
  std::vector<std::vector<LayerOption>> table(teacher.mixers.size());
  for (const auto& option : options) {
    for (size_t layer = 0; layer < table.size(); ++layer) {
      table[layer].push_back({cached_values(option.config.mixers[layer]), option.scores[layer]});
    }
  }
  // A hair more, for a percentage that was rounded down.
  const auto budget = static_cast<int64_t>(std::floor(percent / 100 * static_cast<double>(full) + 1e-6));
  std::map<int64_t, size_t> out;
  const auto chosen = knapsack(table, budget);
  for (size_t layer = 0; layer < chosen.size(); ++layer) {
    if (chosen[layer] != kFreeOption) out[static_cast<int64_t>(layer)] = static_cast<size_t>(chosen[layer]);
  }
  return out;
}

void expect(const char* flag, const std::string& value, const std::vector<std::string>& known) {
  if (std::find(known.begin(), known.end(), value) == known.end()) {
    fail_usage(flag, ": expected ", join(known, ", "), ", found \"", value, "\"");
  }
}

}  // namespace

const std::vector<std::string>& choice_methods() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all = selector_names();
    all.insert(all.end(), {"knapsack", "search", "supernet"});
    return all;
  }();
  return names;
}

const std::vector<std::string>& score_names() {
  static const std::vector<std::string> names = {"kl", "trained", "recall", "recall-ratio"};
  return names;
}

void check_choice(ChoicePlan& plan, int64_t layers, size_t options) {
  expect("--score", plan.score, score_names());
  if (plan.method.empty()) plan.method = plan.score == "kl" ? "smart" : "largest";
  expect("--method", plan.method, choice_methods());
  if (plan.method == "knapsack") {
    if (!(plan.kv_percent > 0 && plan.kv_percent <= 100)) {
      fail_usage("--kv-percent: knapsack needs a budget above 0 and up to 100, found ", plan.kv_percent);
    }
    if (plan.count != 0) fail_usage("--count: knapsack chooses as many layers as --kv-percent pays for; leave it out");
    if (options > 1 && (plan.score == "recall" || plan.score == "recall-ratio")) {
      fail_usage("--score ", plan.score, ": expected one rank, found ", options,
                 ": recall is that of the teacher without the layer, and tells no rank from another");
    }
    return;
  }
  if (plan.kv_percent != 0) fail_usage("--kv-percent belongs to --method knapsack; ", plan.method, " takes --count");
  if (plan.count < 1 || plan.count > layers) {
    fail_usage("--count: expected 1 to ", layers, " layers, found ", plan.count);
  }
  if (!plan.uses_scores() && plan.score != "kl") {
    fail_usage("--score ", plan.score, ": ", plan.method, " measures the KL of whole subsets; leave --score out");
  }
  if (options > 1) {
    fail_usage(plan.method, ": expected one student with MLA in every layer, found ", options,
               "; several are for --method knapsack");
  }
}

std::map<int64_t, size_t> choose_layers(const ChoicePlan& plan, const std::vector<LayerChoice>& options,
                                        const ModelConfig& teacher) {
  if (plan.method == "knapsack") return spend(plan.kv_percent, options, teacher);
  std::map<int64_t, size_t> out;
  for (const int64_t layer : select_layers(plan.method, options.front().scores, plan.count)) out[layer] = 0;
  return out;
}

std::vector<double> recall_ratios(const std::vector<double>& falls, const std::vector<double>& loss_falls) {
  constexpr double kLargest = 50;
  const double least = *std::max_element(loss_falls.begin(), loss_falls.end());
  std::vector<double> out;
  for (size_t layer = 0; layer < falls.size(); ++layer) {
    out.push_back(std::min(kLargest, std::max(0.0, falls[layer]) / (least - loss_falls[layer] + 1e-10)));
  }
  return out;
}

}  // namespace zebra
