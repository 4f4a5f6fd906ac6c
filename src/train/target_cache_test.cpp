#include "train/target_cache.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "train/test_models.h"

namespace zebra {
namespace {

StoredRows rows_of(int64_t first, int64_t count) {
  StoredRows out;
  out.ids = (at::arange(count * 2, at::kLong) + first).remainder(8).view({count, 2});
  out.targets =
      ops::TopTargets{at::zeros({count * 2, 1}, at::kLong), at::zeros({count * 2, 1}), at::zeros({count * 2})};
  return out;
}

// A short shard left by a shorter run is not whole wherever it stands.
TEST(TargetCache, IsCompleteOnlyWithEveryShardWhole) {
  const ScratchFolder folder;
  const auto cache = [&](int64_t rows) {
    return TargetCache(
        folder.path / "cache",
        {.key = {{"format", 2}}, .length = 2, .rows = rows, .vocab = 8, .top_k = 1, .pass_rows = 1, .shard_rows = 4});
  };
  cache(2).rows(0, 2, rows_of);
  EXPECT_TRUE(cache(2).complete());
  EXPECT_FALSE(cache(4).complete());
  TargetCache longer = cache(8);
  longer.rows(4, 4, rows_of);
  EXPECT_FALSE(longer.complete());  // the first holds two rows
  longer.rows(0, 4, rows_of);
  EXPECT_TRUE(longer.complete());
  EXPECT_TRUE(cache(7).complete());
}

// Shards say nothing of the teacher: that is in targets.json.
TEST(TargetCache, ShardsWithoutTheirKeyAreRefused) {
  const ScratchFolder folder;
  const auto open = [&](int64_t format) {
    return TargetCache(folder.path,
                       {.key = {{"format", format}}, .length = 2, .rows = 4, .vocab = 8, .top_k = 1, .shard_rows = 4});
  };
  open(2).rows(0, 4, rows_of);
  EXPECT_NO_THROW(open(2));
  const auto says = [&] {
    try {
      open(2);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  write_json(folder.path / "targets.json", {{"format", 3}});
  EXPECT_NE(says().find("targets.json: key \"format\": expected at most 2, found 3"), std::string::npos) << says();
  fs::remove(folder.path / "targets.json");
  EXPECT_NE(says().find("targets.json: it is missing"), std::string::npos) << says();
}

}  // namespace
}  // namespace zebra
