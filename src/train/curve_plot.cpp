#include "train/curve_plot.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/text.h"
#include "io/markup.h"

namespace zebra {

namespace {

constexpr double kWidth = 720, kHeight = 240, kLeft = 64, kRight = 16, kTop = 28, kBottom = 28;
constexpr size_t kPoints = 320;

struct Point {
  double step, mean, least, greatest;
};

std::vector<Point> points_of(const std::vector<double>& values) {
  std::vector<Point> out;
  const size_t count = std::min(values.size(), kPoints);
  for (size_t i = 0; i < count; ++i) {
    const size_t begin = values.size() * i / count, end = values.size() * (i + 1) / count;
    Point point{0, 0, INFINITY, -INFINITY};
    double used = 0;
    for (size_t at = begin; at < end; ++at) {
      if (!std::isfinite(values[at])) continue;
      point.mean += values[at], ++used;
      point.least = std::min(point.least, values[at]), point.greatest = std::max(point.greatest, values[at]);
    }
    if (used == 0) continue;
    point.mean /= used;
    point.step = static_cast<double>(begin + 1 + end) / 2;
    out.push_back(point);
  }
  return out;
}

Axis axis_of(const std::vector<Point>& points, AxisScale scale) {
  double low = INFINITY, high = -INFINITY;
  for (const Point& point : points) low = std::min(low, point.least), high = std::max(high, point.greatest);
  return {low, high, scale, kHeight - kBottom, kTop};
}

}  // namespace

std::string curve_plot(const std::string& title, const std::vector<double>& values, AxisScale scale) {
  std::string out = svg_begin(kWidth, kHeight) + svg_text(kLeft, 16, "start", title);
  const auto points = points_of(values);
  if (points.empty()) return out + svg_text(kWidth / 2, kHeight / 2, "middle", "no finite figure") + "</svg>\n";
  const Axis axis = axis_of(points, scale);
  const auto steps = static_cast<double>(values.size());
  const auto x = [&](double step) {
    return kLeft + (kWidth - kLeft - kRight) * (steps > 1 ? (step - 1) / (steps - 1) : 0.5);
  };
  for (const double tick : axis.ticks()) {
    const std::string y = fixed(axis.at(tick), 1);
    out += cat("<path d=\"M", kLeft, " ", y, "H", kWidth - kRight, "\" stroke=\"#e3e7eb\"/>\n",
               svg_text(kLeft - 6, axis.at(tick) + 4, "end", short_number(tick)));
  }
  std::string line, band, back;
  for (const Point& point : points) {
    const std::string at = fixed(x(point.step), 1) + " ";
    line += at + fixed(axis.at(point.mean), 1) + " ";
    band += at + fixed(axis.at(point.greatest), 1) + " ";
    back = at + fixed(axis.at(point.least), 1) + " " + back;
  }
  out += cat("<polygon points=\"", band, back, "\" fill=\"#2a6f97\" opacity=\"0.2\"/>\n<polyline points=\"", line,
             "\" fill=\"none\" stroke=\"#2a6f97\" stroke-width=\"1.5\"/>\n");
  const double base = kHeight - 8;
  return out + svg_text(kLeft, base, "start", "step 1") +
         svg_text(kWidth - kRight, base, "end", std::to_string(values.size())) + "</svg>\n";
}

}  // namespace zebra
