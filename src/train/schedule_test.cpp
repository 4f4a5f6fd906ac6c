#include "train/schedule.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"

namespace zebra {
namespace {

TEST(Schedule, WarmsUpLinearly) {
  for (const char* shape : {"cosine", "linear", "wsd"}) {
    const Schedule schedule{.shape = shape, .warmup = 0.3};
    for (int64_t step = 0; step < 30; ++step) EXPECT_DOUBLE_EQ(schedule.factor(step, 100), (step + 1) / 30.0) << shape;
    EXPECT_DOUBLE_EQ(schedule.factor(30, 100), 1) << shape;
  }
}

// A part of a short run is no warm-up: twenty steps are the least, or half of the run.
TEST(Schedule, WarmsUpOverTwentyStepsAtLeast) {
  const Schedule usual;
  EXPECT_EQ(usual.warmup_steps(1000), 30);
  EXPECT_EQ(usual.warmup_steps(100), 20);
  EXPECT_EQ(usual.warmup_steps(40), 20);
  EXPECT_EQ(usual.warmup_steps(30), 15);
  EXPECT_EQ(usual.warmup_steps(3), 1);
  EXPECT_EQ(usual.warmup_steps(1), 0);
  EXPECT_EQ(Schedule{.warmup = 0}.warmup_steps(100), 0);  // who wants none says so
  EXPECT_DOUBLE_EQ(usual.factor(0, 100), 1.0 / 20);
  EXPECT_DOUBLE_EQ(usual.factor(19, 100), 1);
  EXPECT_DOUBLE_EQ(usual.factor(0, 8), 1.0 / 4);

  EXPECT_DOUBLE_EQ(usual.reached(40), 1);
  EXPECT_DOUBLE_EQ(usual.reached(8), 4.0 / 20);
  EXPECT_DOUBLE_EQ(usual.reached(1), 1.0 / 20);
  EXPECT_DOUBLE_EQ(Schedule{.warmup = 0}.reached(8), 1);
}

TEST(Schedule, CosineFallsToTheFloor) {
  const Schedule schedule{.shape = "cosine", .warmup = 0, .floor = 0.1};
  EXPECT_DOUBLE_EQ(schedule.factor(0, 100), 1);
  EXPECT_NEAR(schedule.factor(50, 100), 0.55, 1e-12);
  EXPECT_NEAR(schedule.factor(25, 100), 0.1 + 0.9 * 0.5 * (1 + std::sqrt(0.5)), 1e-12);
  EXPECT_NEAR(schedule.factor(100, 100), 0.1, 1e-12);
}

TEST(Schedule, WsdHoldsThenDecays) {
  const Schedule linear{.shape = "wsd", .warmup = 0.2, .floor = 0, .decay = 0.2, .decay_shape = "linear"};
  const Schedule root{.shape = "wsd", .warmup = 0.2, .floor = 0, .decay = 0.2, .decay_shape = "sqrt"};
  for (const int64_t step : {20, 40, 80}) {
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
