#pragma once
// A stopped run on disk: RUN/checkpoints/step-00000400/{state.json, weights, m, v (, bases) .safetensors}. A checkpoint
// appears whole (by rename) or not at all, and the last two are kept.
#include <functional>
#include <optional>
#include <vector>

#include "base/file.h"
#include "io/json.h"
#include "train/optimizer.h"

namespace zebra {

struct RunState {
  int64_t step = 0;                // steps done; rows and tokens seen follow from it
  Json settings = Json::object();  // what must agree for a resumed run to be the same run
};

void save_run(const fs::path& run, const RunState& state, const Optimizer& optimizer);
// Newest complete checkpoint of a run folder, if any.
std::optional<fs::path> latest_run(const fs::path& run);
// Fills `optimizer` and returns the state. Error(usage) names the first setting that differs from `settings`;
// Error(input) names a file or tensor that does not fit.
RunState load_run(const fs::path& checkpoint, const Json& settings, Optimizer& optimizer);
void remove_checkpoints(const fs::path& run);

}  // namespace zebra
