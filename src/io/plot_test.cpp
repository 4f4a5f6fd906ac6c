#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "io/axis.h"
#include "io/bar_plot.h"
#include "io/markup.h"
#include "io/scatter_plot.h"

namespace zebra {
namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

struct Label {
  double x, y;
  std::string anchor, text;
};

// What stands between `begin` and `end`, searched from `at`, which moves behind it.
std::string between(const std::string& text, size_t& at, const std::string& begin, const std::string& end) {
  const size_t from = text.find(begin, at) + begin.size(), to = text.find(end, from);
  at = to + end.size();
  return text.substr(from, to - from);
}

std::vector<Label> labels(const std::string& svg) {
  std::vector<Label> out;
  for (size_t at = svg.find("<text "); at != std::string::npos; at = svg.find("<text ", at)) {
    Label label;
    label.x = std::stod(between(svg, at, " x=\"", "\""));
    label.y = std::stod(between(svg, at, " y=\"", "\""));
    label.anchor = between(svg, at, " text-anchor=\"", "\"");
    label.text = between(svg, at, ">", "</text>");
    out.push_back(label);
  }
  return out;
}

TEST(Axis, Scales) {
  EXPECT_DOUBLE_EQ(Axis(10, 20, AxisScale::linear, 0, 100).at(15), 50);
  EXPECT_DOUBLE_EQ(Axis(1, 20, AxisScale::linear, 0, 100).at(0), 0);  // from 0 where that costs little room
  EXPECT_DOUBLE_EQ(Axis(1, 100, AxisScale::automatic, 200, 0).at(10), 100);
  EXPECT_DOUBLE_EQ(Axis(1, 9, AxisScale::automatic, 0, 9).at(3), 3);
  EXPECT_DOUBLE_EQ(Axis(3, 100, AxisScale::root, 0, 10).at(25), 5);
  EXPECT_TRUE(std::isfinite(Axis(2, 2, AxisScale::linear, 0, 1).at(2)));
  EXPECT_TRUE(std::isfinite(Axis(0, 0, AxisScale::root, 0, 1).at(0)));
}

TEST(Axis, TicksAreRoundAndWithin) {
  EXPECT_EQ(Axis(-2, 8, AxisScale::linear, 0, 1).ticks(), (std::vector<double>{-2, 0, 2, 4, 6, 8}));
  EXPECT_EQ(Axis(1, 100, AxisScale::automatic, 0, 1).ticks(), (std::vector<double>{1, 2, 5, 10, 20, 50, 100}));
  EXPECT_EQ(Axis(0, 50, AxisScale::root, 0, 1).ticks(), (std::vector<double>{0, 0.5, 1, 2, 5, 10, 20, 50}));
  EXPECT_EQ(Axis(0, 0, AxisScale::root, 0, 1).ticks().front(), 0);
}

TEST(ScatterPlot, PointsLineAndErrors) {
  const std::string svg = scatter_plot({.title = "a<b",
                                        .x_name = "cache",
                                        .points = {{"low", 0, 10, 2.0, "red"}, {"high", 50, 20, {}, "blue"}},
                                        .line = 15,
                                        .line_label = "teacher"});
  EXPECT_TRUE(contains(svg, "a&lt;b"));
  EXPECT_TRUE(contains(svg, "<circle cx=\"76.0\" cy=\"184.0\" r=\"4\" fill=\"red\"><title>low: 0, 10</title>"));
  EXPECT_TRUE(contains(svg, "<circle cx=\"684.0\" cy=\"36.0\" r=\"4\" fill=\"blue\">"));  // the greatest at the top
  EXPECT_TRUE(contains(svg, "M76.0 213.6V154.4\" stroke=\"red\""));                       // 8 to 12
  for (const char* text : {"low", "high", "teacher", "cache"}) EXPECT_TRUE(contains(svg, cat(">", text, "</text>")));
  EXPECT_TRUE(svg.ends_with("</svg>\n"));
}

TEST(ScatterPlot, LabelsDoNotCoverEachOther) {
  Scatter scatter;
  for (int i = 0; i < 14; ++i)
    scatter.points.push_back({cat("a_long_label_", i), i % 3 * 0.1, 60 + 0.01 * i, 1.0, "red"});
  const auto found = labels(scatter_plot(scatter));
  std::vector<Label> of_points;
  for (const Label& label : found) {
    if (label.text.starts_with("a_long")) of_points.push_back(label);
  }
  ASSERT_EQ(of_points.size(), 14u);
  for (size_t i = 0; i < of_points.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      const Label &a = of_points[i], &b = of_points[j];
      const auto left = [](const Label& l) {
        return l.anchor == "start" ? l.x : l.x - 6.8 * static_cast<double>(l.text.size());
      };
      const bool apart = std::abs(left(a) - left(b)) > 6 * 14 || std::abs(a.y - b.y) > 11;
      EXPECT_TRUE(apart) << a.text << " and " << b.text;
    }
  }
}

TEST(ScatterPlot, NothingOrOneToDraw) {
  EXPECT_TRUE(contains(scatter_plot({}), "no point"));
  const std::string one = scatter_plot({.x_scale = AxisScale::root, .points = {{"a", 0, 0, {}, "red"}}});
  EXPECT_FALSE(contains(one, "nan") || contains(one, "inf"));
}

TEST(BarPlot, UpDownAndLabels) {
  const std::string svg = bar_plot("t", {{"0", 2, "red", "two"}, {"1", -1, "blue", "less"}}, "note");
  EXPECT_TRUE(contains(svg, "height=\"133.3\" fill=\"red\"><title>two</title>"));
  EXPECT_TRUE(contains(svg, "y=\"173.3\" width=\"28.0\" height=\"66.7\" fill=\"blue\""));  // from 0 down
  EXPECT_FALSE(contains(svg, "rotate"));
  EXPECT_TRUE(
      contains(bar_plot("t", {{"a long label", 1, "red", ""}}, ""), "rotate(-40)\" text-anchor=\"end\">a long label<"));
  EXPECT_FALSE(contains(bar_plot("t", {{"0", 0, "red", ""}}, ""), "nan"));
  EXPECT_FALSE(contains(bar_plot("t", {}, ""), "nan"));
}

TEST(HtmlPage, EscapesWhatIsText) {
  const std::string page = html_page("a<b", html_row({"x & y", "1"}) + html_row({"h"}, "th"));
  EXPECT_TRUE(contains(page, "<title>a&lt;b</title>") && contains(page, "<h1>a&lt;b</h1>"));
  EXPECT_TRUE(contains(page, "<tr><td>x &amp; y</td><td>1</td></tr>\n<tr><th>h</th></tr>\n"));
}

}  // namespace
}  // namespace zebra
