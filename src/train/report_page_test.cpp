#include "train/report_page.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "support/scratch.h"
#include "train/curve_plot.h"
#include "train/layer_map.h"
#include "train/test_models.h"

namespace zebra {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

size_t count(const std::string& text, const std::string& part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST(Curves, EveryNumberOfALineIsOne) {
  const ScratchFolder folder;
  folder.put("metrics.jsonl",
             "{\"step\":1,\"loss\":2.5,\"lr\":1e-3}\n{\"step\":2,\"loss\":null,\"lr\":2e-3,\"kl\":7}\n"
             "{\"step\":3,\"loss\":1.5,\"lr\":3e-3}\n");
  const auto curves = read_curves(folder.path / "metrics.jsonl");
  ASSERT_EQ(curves.size(), 3u);
  EXPECT_EQ(curves[0].name, "loss");
  EXPECT_EQ(curves[0].values[2], 1.5);
  EXPECT_TRUE(std::isnan(curves[0].values[1]));
  EXPECT_EQ(curves[2].name, "kl");
  EXPECT_TRUE(std::isnan(curves[2].values[0]) && std::isnan(curves[2].values[2]));
  EXPECT_EQ(curves[2].values[1], 7);
}

TEST(CurvePlot, HasAPointForEveryStepOfAShortRun) {
  const std::string plot = curve_plot("loss", {4, 2, kNone, 1}, AxisScale::linear);
  const size_t at = plot.find("<polyline points=\""), end = plot.find('"', at + 18);
  EXPECT_EQ(count(plot.substr(at, end - at), "."), 3u * 2);
  EXPECT_FALSE(contains(plot, "nan") || contains(plot, "inf"));
  EXPECT_TRUE(contains(plot, "64.0 28.0 "));  // the first at the left, the greatest at the top
  EXPECT_TRUE(contains(plot, ">4</text>"));   // the end of the run
  EXPECT_TRUE(contains(plot, ">0</text>"));   // an axis from 0
}

TEST(CurvePlot, WideSpreadsAreLogarithmic) {
  const std::vector<double> values = {100, 10, 1};
  // The middle one is half-way up.
  EXPECT_TRUE(contains(curve_plot("loss", values, AxisScale::automatic), "384.0 120.0 "));
  EXPECT_FALSE(contains(curve_plot("loss", values, AxisScale::linear), "384.0 120.0 "));
}

TEST(CurvePlot, LongRunsStayShort) {
  std::vector<double> values(100000);
  for (size_t i = 0; i < values.size(); ++i) values[i] = 1 + std::sin(static_cast<double>(i));
  EXPECT_LT(curve_plot("loss", values, AxisScale::automatic).size(), 40000u);
}

TEST(CurvePlot, NothingToDraw) {
  for (const auto& values : {std::vector<double>{}, {kNone, kNone}}) {
    EXPECT_TRUE(contains(curve_plot("loss", values, AxisScale::automatic), "no finite figure"));
  }
  for (const auto& values : {std::vector<double>{0}, {3, 3}, {-1, -1}}) {
    const std::string plot = curve_plot("loss", values, AxisScale::automatic);
    EXPECT_FALSE(contains(plot, "nan") || contains(plot, "inf"));
  }
}

TEST(LayerMap, NamesMixersAndCache) {
  const ModelConfig student = testing_support::student_config();  // MLA 8 + 2, then Mamba2, for 2 kv heads of 4
  const std::string map = layer_map(student);
  EXPECT_TRUE(contains(map, "31.25 % of the attention model's KV cache: 20 of 64 bytes per token"));
  EXPECT_TRUE(contains(map, "kv rank 8"));
  EXPECT_TRUE(contains(map, "<td>20</td><td>62.50</td><td>0</td>"));
  EXPECT_TRUE(contains(map, " mamba2</td>"));
  EXPECT_EQ(count(map, "<tr>"), 3u);
}

TEST(ReportPage, IsOneFileWithEverything) {
  RunSummary run{.title = "a<b", .origin = "From & to.", .command = "zebra distill --data 'x < y'"};
  run.settings = {{"lr", 0.5}, {"train", {{"schedule", "wsd"}}}};
  run.held_out = {{"kl", 0.25}};
  const std::string page = report_page(run, testing_support::student_config(), {{"loss", {2, 1}}, {"tokens", {5, 9}}});
  for (const char* part : {"<h1>a&lt;b</h1>", "From &amp; to.", "'x &lt; y'", "<td>train.schedule</td><td>wsd</td>",
                           "<td>lr</td><td>0.5</td>", "<td>held out: kl</td><td>0.2500</td>", "<td>processor</td>"}) {
    EXPECT_TRUE(contains(page, part)) << part;
  }
  EXPECT_EQ(count(page, "<svg"), 2u);  // the loss and the layers
  for (const char* part : {"<script", "href=", "src=", "@import", "url("}) EXPECT_FALSE(contains(page, part)) << part;
}

}  // namespace
}  // namespace zebra
