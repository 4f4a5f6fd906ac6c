#pragma once
// What the teacher said about every row of a run, on disk: a later run with the same key learns from it without a
// pass of the teacher (whose weights the key holds, so that they are read once more). A folder holds targets.json (the
// key) and targets-00000000.safetensors ... (docs/formats.md). A shard is made when a row of it is first wanted,
// appears whole by rename, and carries a checksum. n rows, L length.
#include <functional>
#include <optional>
#include <variant>

#include "base/file.h"
#include "io/json.h"
#include "ops/stored_targets.h"

namespace zebra {

using StoredTargets = std::variant<ops::TopTargets, ops::DrawnTargets>;

struct StoredRows {
  at::Tensor ids;         // int64 [n, L]
  StoredTargets targets;  // of the n L tokens, row by row
  at::Tensor starts;      // bool [n, L] on the CPU where documents are kept apart, or undefined
};

class TargetCache {
 public:
  struct Plan {
    Json key;                // all that the targets depend on; a folder with another one is refused
    int64_t length = 0;      // L
    int64_t rows = 0;        // of the run
    int64_t vocab = 0;       // ids are below it
    int64_t top_k = 0;       // 0 = drawn
    int64_t samples = 0;     // drawn: tokens a position
    bool apart = false;      // rows say where documents begin
    int64_t pass_rows = 1;   // rows that `make` takes at once
    int64_t shard_rows = 1;  // a multiple of it
  };
  using Make = std::function<StoredRows(int64_t first, int64_t rows)>;

  // Makes the folder or checks its key: Error(usage) names what differs.
  TargetCache(fs::path folder, Plan plan);

  // Whether all rows are there, by the headers of all shards, so that rows() needs no `make`.
  bool complete() const;
  // Rows [first, first + count) of the run. Shards that are not there are made and written. Error(input) names a file
  // that is damaged.
  StoredRows rows(int64_t first, int64_t count, const Make& make, at::Device device = at::kCPU);

 private:
  fs::path path(int64_t shard) const;
  int64_t rows_of(int64_t shard) const;
  std::optional<StoredRows> read(int64_t shard) const;  // nothing where there is none, or one of a shorter run
  const StoredRows& shard(int64_t index, const Make& make);

  fs::path folder_;
  Plan plan_;
  int64_t held_ = -1;  // the shard in memory
  StoredRows shard_;
};

}  // namespace zebra
