#pragma once
// What every stage of a recipe will make and cost, from config files alone. Making the plan is also the check of the
// whole recipe before anything runs: settings are read as the verbs read them, and configs are carried from stage to
// stage.
#include <optional>

#include "model/config.h"
#include "pipeline/stage_verbs.h"
#include "train/cost.h"

namespace zebra {

struct StagePlan {
  Stage stage;
  std::vector<std::string> arguments;  // of the command
  std::string output;
  std::vector<std::string> written;  // that, or folders in it, a student's each: what is there when it is done
  bool done() const;
  std::optional<ModelConfig> model;  // that it writes, or measures
  bool layers_assumed = false;       // select has not chosen yet: evenly spread ones stand for its choice
  bool ranks_assumed = false;        // --rank energy has not seen the weights yet: --kv-rank stands for every layer's
  int64_t parameters = 0;
  // Of a training stage, else empty.
  std::string device;
  int64_t tokens = 0;  // 0 = not known: the examples of align are not there yet
  double flops = 0;    // in all
  TrainingMemory memory;
  bool loss_is_kl = false;  // that the run reports
  bool trains() const { return !device.empty(); }
};

// `run`: also checks what running needs besides configs, weights and text files.
std::vector<StagePlan> plan_stages(const Recipe& recipe, const std::string& out, const StageVerbs& verbs, bool run);

}  // namespace zebra
