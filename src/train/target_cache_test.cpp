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

}  // namespace
}  // namespace zebra
