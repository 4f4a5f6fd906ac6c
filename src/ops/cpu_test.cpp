#include "ops/cpu.h"

#include <gtest/gtest.h>

#include <mutex>
#include <set>
#include <thread>

namespace zebra::ops {

// at::parallel_for is serial, without a word, in a unit that was compiled without OpenMP.
TEST(ForItems, RunsOnEveryThread) {
  if (at::get_num_threads() < 2) GTEST_SKIP() << "one thread only";
  std::mutex mutex;
  std::set<std::thread::id> threads;
  for_items(64, 1 << 20, [&](int64_t, int64_t) {
    const std::lock_guard<std::mutex> lock(mutex);
    threads.insert(std::this_thread::get_id());
  });
  EXPECT_EQ(static_cast<int>(threads.size()), at::get_num_threads());
}

}  // namespace zebra::ops
