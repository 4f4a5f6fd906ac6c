#include "train/length_stages.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace zebra {
namespace {

TEST(LengthStages, FollowTheRun) {
  const auto stages = parse_length_stages({"8:0.5", "16:0.3", "32:0.2"});
  std::vector<int64_t> found;
  for (int64_t step = 0; step < 10; ++step) found.push_back(length_at(stages, step, 10, 0));
  EXPECT_EQ(found, (std::vector<int64_t>{8, 8, 8, 8, 8, 16, 16, 16, 32, 32}));
  EXPECT_EQ(length_at({}, 3, 10, 7), 7);
}

TEST(LengthStages, SayWhatDoesNotFit) {
  const auto error = [](const std::vector<std::string>& text) -> std::string {
    try {
      parse_length_stages(text);
    } catch (const Error& failure) {
      return failure.what();
    }
    return "";
  };
  EXPECT_NE(error({"8"}).find("found \"8\""), std::string::npos);
  EXPECT_NE(error({"8:2"}).find("found \"8:2\""), std::string::npos);
  EXPECT_NE(error({"8:0.5", "8:0.5"}).find("rows that grow"), std::string::npos);
  EXPECT_NE(error({"8:0.5", "12:0.5"}).find("divisors of the last, 12, found 8"), std::string::npos);
  EXPECT_NE(error({"8:0.5", "16:0.4"}).find("sum to 1"), std::string::npos);
}

}  // namespace
}  // namespace zebra
