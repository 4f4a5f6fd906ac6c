#include "train/metrics.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/text.h"
#include "support/scratch.h"

namespace zebra {
namespace {

class Metrics : public testing::Test {
 protected:
  ScratchFolder folder;
  fs::path path = folder.path / "metrics.jsonl";

  std::string line(int64_t step) const {
    return Json{{"step", step}, {"loss", 10.0 / double(step)}, {"lr", 1}}.dump() + "\n";
  }
  std::string lines(int64_t first, int64_t last) const {
    std::string out;
    for (int64_t step = first; step <= last; ++step) out += line(step);
    return out;
  }
  // What a run that goes on behind step 4 makes of it.
  std::vector<double> resumed(const std::string& content, bool warns = true) {
    folder.put("metrics.jsonl", content);
    testing::internal::CaptureStderr();
    std::vector<double> losses;
    {
      MetricsFile file(path, 4);
      file.add(5, 2, {{"lr", 1}});
      file.sync();
      losses = file.losses();
    }
    const std::string said = testing::internal::GetCapturedStderr();
    EXPECT_EQ(said.find("warning: ") != std::string::npos, warns) << said;
    // Line i is that of step i, and every one is JSON.
    int64_t step = 0;
    for (const auto& text : split(read_file(path), '\n')) EXPECT_EQ(parse_json(text, "line")["step"], ++step);
    EXPECT_EQ(step, 5);
    EXPECT_EQ(losses.size(), 5u);
    return losses;
  }
  static std::string known(const std::vector<double>& losses) {
    std::string out;
    for (const double loss : losses) out += std::isnan(loss) ? '-' : '+';
    return out;
  }
};

TEST_F(Metrics, AWholeLogIsKeptUpToTheCheckpoint) {
  EXPECT_EQ(known(resumed(lines(1, 4), false)), "+++++");
  EXPECT_EQ(known(resumed(lines(1, 9), false)), "+++++");
  EXPECT_EQ(read_file(path).substr(0, lines(1, 4).size()), lines(1, 4));
}

TEST_F(Metrics, WhatCanBeReadOfADamagedLogIsKept) {
  const std::string whole = lines(1, 4);
  EXPECT_EQ(known(resumed(std::string(whole.size(), '\0'))), "----+");
  EXPECT_EQ(known(resumed("")), "----+");
  EXPECT_EQ(known(resumed(whole.substr(0, whole.size() - 9))), "+++-+");
  EXPECT_EQ(known(resumed(line(1) + std::string(30, '\0') + "\n" + lines(3, 4))), "+-+++");
  EXPECT_EQ(known(resumed(line(1) + std::string(30, '\0') + lines(2, 4))), "+-+++");
  EXPECT_EQ(known(resumed("[1]\n7\n\"x\"\n{}\n{\"step\":\"1\"}\n{\"step\":1e300}\n" + lines(2, 4))), "-++++");
  EXPECT_EQ(
      known(resumed("{\"step\":-1}\n{\"step\":0}\n{\"step\":9223372036854775807}\n{\"step\":18446744073709551615}\n" +
                    lines(1, 3))),
      "+++-+");
  EXPECT_EQ(known(resumed("{\"step\":1,\"loss\":\"low\"}\n" + lines(2, 4), false)), "-++++");  // a line, without a loss
  EXPECT_EQ(readable_metrics("", 3), std::vector<std::string>(3));
}

// Curves are drawn at the end of a run, when nothing may fail any more.
TEST_F(Metrics, CurvesHaveAGapWhereALineIsDamaged) {
  folder.put("metrics.jsonl", line(1) + "\x01\x02\n" + line(3));
  const auto curves = read_curves(path);
  ASSERT_EQ(curves.size(), 2u);
  EXPECT_EQ(known(curves[0].values), "+-+");
  EXPECT_TRUE(read_curves(folder.path / "none.jsonl").empty());
}

}  // namespace
}  // namespace zebra
