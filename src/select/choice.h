#pragma once
// From scores to layers: what `zebra select` may be asked for, and the choice itself.
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "model/config.h"

namespace zebra {

struct ChoicePlan {
  std::string method;        // choice_methods(); "" = smart for kl, else largest
  std::string score = "kl";  // score_names()
  int64_t count = 0;         // layers that become MLA; knapsack: 0
  double kv_percent = 0;     // knapsack: cache of the hybrid in % of the teacher's

  bool uses_scores() const { return method != "search" && method != "supernet"; }
  bool trains() const { return method == "supernet" || (uses_scores() && score == "trained"); }
};

const std::vector<std::string>& choice_methods();  // smart, largest, uniform, knapsack, search, supernet
const std::vector<std::string>& score_names();     // kl, trained, recall, recall-ratio

// Fills in the method; Error(usage) names the flag. `options`: kinds of MLA to choose from.
void check_choice(ChoicePlan& plan, int64_t layers, size_t options);

// A student with MLA in every layer: one kind of MLA.
struct LayerChoice {
  std::string folder;
  ModelConfig config;
  std::vector<double> scores;  // of its MLA in each layer
};

// Which option each chosen layer gets. Knapsack spends kv_percent of the teacher's cache per token on all options; the
// other methods know one option.
std::map<int64_t, size_t> choose_layers(const ChoicePlan& plan, const std::vector<LayerChoice>& options,
                                        const ModelConfig& teacher);

// HALO's score of a layer: its fall of recall, by its rise of the loss on ordinary text above the least rise of all,
// at most 50: what matters for recall and little else comes first.
std::vector<double> recall_ratios(const std::vector<double>& falls, const std::vector<double>& loss_falls);

}  // namespace zebra
