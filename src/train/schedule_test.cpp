#include "train/schedule.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"

namespace zebra {
namespace {

TEST(Schedule, WarmsUpLinearly) {
  for (const char* shape : {"cosine", "linear", "wsd"}) {
    const Schedule schedule{.shape = shape, .warmup = 0.1};
    for (int64_t step = 0; step < 10; ++step) EXPECT_DOUBLE_EQ(schedule.factor(step, 100), (step + 1) / 10.0) << shape;
    EXPECT_DOUBLE_EQ(schedule.factor(10, 100), 1) << shape;
  }
}

TEST(Schedule, CosineFallsToTheFloor) {
  const Schedule schedule{.shape = "cosine", .warmup = 0, .floor = 0.1};
  EXPECT_DOUBLE_EQ(schedule.factor(0, 100), 1);
  EXPECT_NEAR(schedule.factor(50, 100), 0.55, 1e-12);
  EXPECT_NEAR(schedule.factor(25, 100), 0.1 + 0.9 * 0.5 * (1 + std::sqrt(0.5)), 1e-12);
  EXPECT_NEAR(schedule.factor(100, 100), 0.1, 1e-12);
}

TEST(Schedule, WsdHoldsThenDecays) {
  const Schedule linear{.shape = "wsd", .warmup = 0.1, .floor = 0, .decay = 0.2, .decay_shape = "linear"};
  const Schedule root{.shape = "wsd", .warmup = 0.1, .floor = 0, .decay = 0.2, .decay_shape = "sqrt"};
  for (const int64_t step : {10, 40, 80}) {
    EXPECT_DOUBLE_EQ(linear.factor(step, 100), 1);
    EXPECT_DOUBLE_EQ(root.factor(step, 100), 1);
  }
  EXPECT_NEAR(linear.factor(90, 100), 0.5, 1e-12);
  EXPECT_NEAR(root.factor(90, 100), 1 - std::sqrt(0.5), 1e-12);
  EXPECT_NEAR(root.factor(85, 100), 0.5, 1e-12);
}

TEST(Schedule, NeverLeavesItsRange) {
  for (const char* shape : {"cosine", "linear", "wsd"}) {
    for (const double warmup : {0.0, 0.5, 1.0}) {
      const Schedule schedule{.shape = shape, .warmup = warmup, .floor = 0.05, .decay = 1};
      for (int64_t steps = 1; steps < 9; ++steps) {
        for (int64_t step = 0; step < steps; ++step) {
          const double factor = schedule.factor(step, steps);
          EXPECT_GT(factor, 0) << shape << " " << warmup << " " << step << "/" << steps;
          EXPECT_LE(factor, 1);
        }
      }
    }
  }
}

TEST(Schedule, RefusesWhatItDoesNotKnow) {
  EXPECT_THROW((Schedule{.shape = "cosinus"}.check()), Error);
  EXPECT_THROW((Schedule{.warmup = 1.5}.check()), Error);
  EXPECT_THROW((Schedule{.floor = -0.1}.check()), Error);
  EXPECT_THROW((Schedule{.decay_shape = "cube"}.check()), Error);
  EXPECT_NO_THROW(Schedule{}.check());
}

}  // namespace
}  // namespace zebra
