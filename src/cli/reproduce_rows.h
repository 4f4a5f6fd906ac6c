#pragma once
// The rows of `zebra reproduce`: the papers' models in the proportions of any teacher, as one recipe.
#include <cstdint>
#include <string>
#include <vector>

#include "model/config.h"
#include "recipe/recipe.h"

namespace zebra::cli {

struct ReproduceOptions {
  std::string teacher, large_teacher;  // folders; the large one teaches X-EcoMLA's rows once more
  std::string data = "sample";         // what students learn from, as for distill
  std::string text, choice_text;       // measured on; SMART chooses on. Both empty = of the generated world
  int64_t tokens = 0;                  // of each row
  std::string tasks, data_dir, shots;  // as for eval; no tasks = none
  std::vector<std::string> rows;       // keys of those that are wanted; empty = all
  int64_t seed = 0;
};

struct TableRow {
  std::string key, name;
  std::string scores, tasks;  // stages of the recipe that measure it; tasks is empty where none are asked
};

struct Reproduction {
  Recipe recipe;
  std::vector<TableRow> rows;
};

// Error(usage) names the option.
Reproduction plan_reproduction(const ReproduceOptions& options, const ModelConfig& teacher);

}  // namespace zebra::cli
