#include "select/choice.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/text.h"
#include "select/knapsack.h"
#include "select/selectors.h"

namespace zebra {

namespace {

int64_t cached_values(const ModelConfig& config) {
  int64_t sum = 0;
  for (const auto& mixer : config.mixers) sum += mixer->cached_values();
  return sum;
}

std::map<int64_t, size_t> spend(double percent, const std::vector<LayerChoice>& options, const ModelConfig& rest,
                                const ModelConfig& teacher) {
  std::vector<std::vector<LayerOption>> table(teacher.mixers.size());
  for (const auto& option : options) {
    const auto costs = extra_cost(option.config, rest);
    for (size_t layer = 0; layer < table.size(); ++layer) table[layer].push_back({costs[layer], option.scores[layer]});
  }
  std::map<int64_t, size_t> out;
  const auto chosen = knapsack(table, extra_budget(percent, rest, teacher));
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
    all.insert(all.end(), {"knapsack", "search"});
    return all;
  }();
  return names;
}

const std::vector<std::string>& score_names() {
  static const std::vector<std::string> names = {"kl", "trained", "supernet", "recall", "recall-ratio"};
  return names;
}

std::string default_method(const ChoicePlan& plan) {
  if (plan.kv_percent != 0) return "knapsack";
  return plan.score == "kl" ? "smart" : plan.score == "supernet" ? "search" : "largest";
}

void check_choice(ChoicePlan& plan, int64_t layers, size_t options) {
  expect("--score", plan.score, score_names());
  expect("--rest", plan.rest, {"mamba2", "mla"});
  if (plan.method.empty()) plan.method = default_method(plan);
  expect("--method", plan.method, choice_methods());
  if (plan.recalls() && plan.rest == "mla") {
    fail_usage("--score ", plan.score, ": expected --rest mamba2, found mla: recall is that of the teacher with ",
               "Mamba2 in a layer, and tells no rank from another");
  }
  if (options < 1) {
    fail_usage(
        "--rest mla: expected two ranks or more, of which the smallest is the rest's, found one; "
        "give --kv-rank 8,24, say, or two --mla-student folders");
  }
  if (plan.method == "knapsack") {
    if (!(plan.kv_percent > 0 && plan.kv_percent <= 100)) {
      fail_usage("--kv-percent: knapsack needs a budget above 0 and up to 100, found ", plan.kv_percent);
    }
    if (plan.count != 0) fail_usage("--count: knapsack chooses as many layers as --kv-percent pays for; leave it out");
    if (options > 1 && plan.recalls()) {
      fail_usage("--score ", plan.score, ": expected one rank, found ", options,
                 ": recall is that of the teacher without the layer, and tells no rank from another");
    }
    return;
  }
  if (plan.kv_percent != 0) fail_usage("--kv-percent belongs to --method knapsack; ", plan.method, " takes --count");
  if (plan.count < 1 || plan.count > layers) {
    fail_usage("--count: expected 1 to ", layers, " layers, found ", plan.count);
  }
  if (plan.searches() && plan.score != "kl" && plan.score != "supernet") {
    fail_usage("--score ", plan.score, ": expected kl or supernet with --method search, which measures whole subsets");
  }
  if (options > 1) {
    fail_usage("--method ", plan.method, ": expected one kind of MLA to choose",
               plan.rest == "mla" ? " beside the rest's" : "", ", found ", options,
               "; several ranks are for --method knapsack");
  }
}

std::vector<int64_t> extra_cost(const ModelConfig& option, const ModelConfig& rest) {
  std::vector<int64_t> out;
  for (size_t layer = 0; layer < rest.mixers.size(); ++layer) {
    out.push_back(option.mixers[layer]->cached_values() - rest.mixers[layer]->cached_values());
    if (out.back() < 1) {
      fail_usage("layer ", layer, ": an option caches ", option.mixers[layer]->cached_values(),
                 " values a token and what the rest gets as many or more, ", rest.mixers[layer]->cached_values(),
                 "; give ranks that differ");
    }
  }
  return out;
}

int64_t extra_budget(double kv_percent, const ModelConfig& rest, const ModelConfig& teacher) {
  const auto full = static_cast<double>(cached_values(teacher));
  // A hair more, for a percentage that was rounded down.
  const auto budget = static_cast<int64_t>(std::floor(kv_percent / 100 * full + 1e-6));
  const int64_t spent = cached_values(rest);
  if (budget < spent) {
    fail_usage("--kv-percent ", kv_percent, ": the rest alone takes ", 100 * static_cast<double>(spent) / full,
               "; give it a smaller rank, or more cache");
  }
  return budget - spent;
}

std::map<int64_t, size_t> choose_layers(const ChoicePlan& plan, const std::vector<LayerChoice>& options,
                                        const ModelConfig& rest, const ModelConfig& teacher) {
  if (plan.method == "knapsack") return spend(plan.kv_percent, options, rest, teacher);
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
