#pragma once
// From scores to layers: what `zebra select` may be asked for, and the choice itself.
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "model/config.h"

namespace zebra {

struct ChoicePlan {
  std::string method;           // choice_methods(); "" = knapsack with kv_percent, else as suits the score
  std::string score = "kl";     // score_names()
  std::string rest = "mamba2";  // of layers that are not chosen: mamba2, or mla = the MLA with the smallest cache
  int64_t count = 0;            // layers that are chosen; knapsack: 0
  double kv_percent = 0;        // knapsack: cache of the hybrid in % of the teacher's

  bool searches() const { return method == "search"; }
  bool trains() const { return score == "trained" || score == "supernet"; }
  bool recalls() const { return score == "recall" || score == "recall-ratio"; }
};

const std::vector<std::string>& choice_methods();  // smart, largest, uniform, knapsack, search
const std::vector<std::string>& score_names();     // kl, trained, supernet, recall, recall-ratio

std::string default_method(const ChoicePlan& plan);
// Fills in the method; Error(usage) names the flag. `options`: kinds of MLA to choose from, the rest's not among them.
void check_choice(ChoicePlan& plan, int64_t layers, size_t options);

// A student with MLA in every layer: one kind of MLA.
struct LayerChoice {
  std::string folder;
  ModelConfig config;
  std::vector<double> scores;  // of its MLA in each layer
};

// Cached values per token that an option costs in each layer beyond the rest's; Error(usage) where that is not more.
std::vector<int64_t> extra_cost(const ModelConfig& option, const ModelConfig& rest);
// What kv_percent of the teacher's cache leaves for such costs; Error(usage) if the rest alone is dearer.
int64_t extra_budget(double kv_percent, const ModelConfig& rest, const ModelConfig& teacher);

// Which option each chosen layer gets; the others stay as in `rest`. Knapsack spends kv_percent of the teacher's cache
// per token on all options; the other methods know one option.
std::map<int64_t, size_t> choose_layers(const ChoicePlan& plan, const std::vector<LayerChoice>& options,
                                        const ModelConfig& rest, const ModelConfig& teacher);

// HALO's score of a layer: its fall of recall, by its rise of the loss on ordinary text above the least rise of all,
// at most 50: what matters for recall and little else comes first.
std::vector<double> recall_ratios(const std::vector<double>& falls, const std::vector<double>& loss_falls);

}  // namespace zebra
