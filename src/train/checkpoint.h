#pragma once
// A stopped run on disk: RUN/checkpoints/step-00000400/{state.json, weights, m, v (, bases) .safetensors}. A checkpoint
// appears whole (by rename) or not at all; the last two are kept, and the one that did best on held-out rows.
// state.json holds the CRC-32C of the others and of itself, so that a damaged checkpoint is not taken for a sound one.
#include <optional>

#include "train/optimizer.h"
#include "train/run_state.h"

namespace zebra {

void save_run(const fs::path& run, const RunState& state, const Optimizer& optimizer);
// Newest complete checkpoint of a run folder, if any.
std::optional<fs::path> latest_run(const fs::path& run);
// Fills `optimizer`, and what is best so far in `now`, from the newest sound checkpoint of a run of so many steps and
// returns the steps done; nothing where no checkpoint is. A damaged one is passed over with a warning. Error(usage)
// names the first setting or content that is not that of `now`; Error(input) says what is wrong with each where none is
// sound.
std::optional<int64_t> resume_run(const fs::path& run, RunState& now, int64_t steps, Optimizer& optimizer);
// Fills `optimizer` from the checkpoint after so many steps. Error(input) says why it cannot be read.
void load_run(const fs::path& run, const RunState& now, int64_t step, Optimizer& optimizer);
void remove_checkpoints(const fs::path& run);

}  // namespace zebra
