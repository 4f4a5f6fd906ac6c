#pragma once
// state.json of a checkpoint: where a stopped run stands, what must agree for the same command to go on from there, and
// the checksums of the files beside it. Without torch, so that a fuzz target reads it alone.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "io/json.h"

namespace zebra {

// Of run folders: 1 had no checksums.
inline constexpr int64_t kRunFormat = 2;

struct RunState {
  int64_t step = 0;                // steps done; rows and tokens seen follow from it
  int64_t best_step = 0;           // after which the loss on held-out rows was least; 0 = it was not measured yet
  double best_loss = 0;            // that loss
  Json settings = Json::object();  // what must agree for a resumed run to be the same run
  Json content = Json::object();   // checksums of what it reads (train/run_checks.h), which must agree as well
};

// What an optimizer counts.
struct UpdateCounts {
  int64_t updates = 0, skipped = 0, skipped_in_a_row = 0;
};

struct FileSum {
  int64_t bytes = 0;
  uint32_t crc32c = 0;
};

struct SavedState {
  RunState run;
  UpdateCounts counts;
  bool has_sums = false;  // not in format 1, whose `files` and `run.content` are empty
  std::vector<std::pair<std::string, FileSum>> files;

  const FileSum* sum_of(const std::string& file) const;  // null where `files` has no such name
};

// "step-0000000400": the folder of the checkpoint after so many steps; names sort as their steps do.
std::string checkpoint_name(int64_t step);

void write_run_state(const fs::path& path, const SavedState& state);

// The object in the file at `path`. Error(input) where its checksum does not fit.
Json read_run_state(const fs::path& path);
// What it says. Error(input) names the key whose value no run of ours writes: it would have the run read other rows, or
// take other steps.
SavedState parse_run_state(const Json& json, const fs::path& path);

// Whether a run that was saved with the settings `saved` is the one that is asked for `now`: Error(usage) names the
// first that differs. A setting that the other does not know is off there (0, false, empty).
void check_same_settings(const Json& saved, const Json& now, const fs::path& where);
// The same of checksums of weights and texts, which must be the same ones.
void check_same_content(const Json& saved, const Json& now, const fs::path& where);

}  // namespace zebra
