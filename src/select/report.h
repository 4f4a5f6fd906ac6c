#pragma once
// What select found, for people, machines and convert.
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "io/json.h"
#include "select/choice.h"
#include "select/lookup.h"

namespace zebra {

struct SelectionResult {
  ChoicePlan plan;
  std::string text;
  std::vector<LayerChoice> options;
  std::map<int64_t, size_t> chosen;  // layer -> option
  ModelConfig hybrid;
  double base = 0, kl = 0;  // KL with the rest in every layer (as the scores have it), and of the hybrid
  // Of some methods only.
  std::optional<LookupResult> lookup;    // recall: of the teacher
  std::vector<double> likelihood_falls;  // recall: of the values' log-likelihood, per layer
  int64_t evaluated = 0;                 // search: subsets
  bool searched_all = false;

  std::vector<int64_t> layers() const;
};

Json selection_json(const SelectionResult& result);  // docs/formats.md
std::string selection_table(const SelectionResult& result, const std::string& out);
std::string selection_plot(const SelectionResult& result);  // SVG

}  // namespace zebra
