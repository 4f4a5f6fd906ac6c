#pragma once
// The rows of `zebra reproduce`: the papers' models in the proportions of any teacher, as one recipe.
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "model/config.h"
#include "pipeline/recipe.h"

namespace zebra {

struct ReproduceOptions {
  std::string teacher, large_teacher;  // folders; the large one teaches X-EcoMLA's rows once more
  std::string data = "sample";         // what students learn from, as for distill
  std::string text, choice_text;       // measured on; SMART chooses on. Both empty = of the generated world
  int64_t tokens = 0;                  // of each row
  // Tasks as for eval; "" = all of the generated world where `text` is of it, else none. Their documents are in
  // `data_dir`, or are made: `limit` of each (0 = 200; of data_dir all).
  std::string tasks, data_dir;
  int64_t limit = 0;
  std::vector<int64_t> shots = {0, 5};  // the tasks are scored after as many examples, each in turn
  std::string preferences;              // for DPO; "" = of the generated world, as `text`
  std::vector<std::string> rows;        // keys of those that are wanted, or all; empty = those that a claim needs
  int64_t seed = 0;
};

struct TableRow {
  std::string key, name;
  // Stages of the recipe that measure it.
  std::string scores, recall;            // no recall = ""
  std::map<int64_t, std::string> tasks;  // by shots; none without tasks
};

struct Reproduction {
  Recipe recipe;
  std::vector<std::string> tasks;  // of the averages: without recall
  std::vector<TableRow> rows;
};

// Error(usage) names the option.
Reproduction plan_reproduction(const ReproduceOptions& options, const ModelConfig& teacher,
                               const std::vector<StageVerb>& verbs);

}  // namespace zebra
