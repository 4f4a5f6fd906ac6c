#pragma once
// What every stage of a recipe will make and cost, from config files alone. Making the plan is also the check of the
// whole recipe before anything runs: settings are read as the verbs read them, and configs are carried from stage to
// stage.
#include <optional>

#include "model/config.h"
#include "recipe/recipe.h"
#include "train/cost.h"

namespace zebra::cli {

struct StagePlan {
  Stage stage;
  std::vector<std::string> arguments;  // of the command
  std::string output;
  std::optional<ModelConfig> model;  // that it writes, or measures
  bool layers_assumed = false;       // select has not chosen yet: evenly spread ones stand for its choice
  int64_t parameters = 0, tokens = 0;
  double flops = 0;       // in all, of a training stage
  std::string device;     // of a training stage
  TrainingMemory memory;  // of a training stage
  bool trains() const { return tokens > 0; }
};

// `run`: also checks what running needs besides configs, weights and text files.
std::vector<StagePlan> plan_stages(const Recipe& recipe, const std::string& out, bool run);

}  // namespace zebra::cli
