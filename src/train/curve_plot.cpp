#include "train/curve_plot.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

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

std::string short_number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

// The vertical axis: from the least to the greatest figure.
class Axis {
 public:
  Axis(const std::vector<Point>& points, CurveScale scale) {
    low_ = INFINITY, high_ = -INFINITY;
    for (const Point& point : points) low_ = std::min(low_, point.least), high_ = std::max(high_, point.greatest);
    logarithmic_ = scale == CurveScale::automatic && low_ > 0 && high_ > 10 * low_;
    if (logarithmic_) return;
    if (low_ > 0 && low_ < high_ / 2) low_ = 0;
    if (low_ == high_) high_ = low_ + std::max(std::abs(low_), 1e-12);
  }

  double y(double value) const {
    const double part =
        logarithmic_ ? std::log(value / low_) / std::log(high_ / low_) : (value - low_) / (high_ - low_);
    return kHeight - kBottom - part * (kHeight - kTop - kBottom);
  }

  // Round numbers, a handful of them.
  std::vector<double> ticks() const {
    std::vector<double> out;
    if (logarithmic_) {
      const bool decades = high_ > 1e3 * low_;
      for (double power = std::pow(10, std::floor(std::log10(low_))); power <= high_; power *= 10) {
        for (const double digit : {1.0, 2.0, 5.0}) {
          const double tick = digit * power;
          if (tick >= low_ && tick <= high_ && (digit == 1 || !decades)) out.push_back(tick);
        }
      }
      return out;
    }
    const double rough = (high_ - low_) / 5, power = std::pow(10, std::floor(std::log10(rough))), part = rough / power;
    const double unit = power * (part > 5 ? 10 : part > 2 ? 5 : part > 1 ? 2 : 1);
    for (double tick = std::ceil(low_ / unit) * unit; tick <= high_ + unit / 1e6; tick += unit) {
      out.push_back(std::abs(tick) < unit / 1e6 ? 0 : tick);
    }
    return out;
  }

 private:
  double low_, high_;
  bool logarithmic_;
};

}  // namespace

std::string curve_plot(const std::string& title, const std::vector<double>& values, CurveScale scale) {
  std::string out = svg_begin(kWidth, kHeight) + svg_text(kLeft, 16, "start", title);
  const auto points = points_of(values);
  if (points.empty()) return out + svg_text(kWidth / 2, kHeight / 2, "middle", "no finite figure") + "</svg>\n";
  const Axis axis(points, scale);
  const auto steps = static_cast<double>(values.size());
  const auto x = [&](double step) {
    return kLeft + (kWidth - kLeft - kRight) * (steps > 1 ? (step - 1) / (steps - 1) : 0.5);
  };
  for (const double tick : axis.ticks()) {
    const std::string y = fixed(axis.y(tick), 1);
    out += cat("<path d=\"M", kLeft, " ", y, "H", kWidth - kRight, "\" stroke=\"#e3e7eb\"/>\n",
               svg_text(kLeft - 6, axis.y(tick) + 4, "end", short_number(tick)));
  }
  std::string line, band, back;
  for (const Point& point : points) {
    const std::string at = fixed(x(point.step), 1) + " ";
    line += at + fixed(axis.y(point.mean), 1) + " ";
    band += at + fixed(axis.y(point.greatest), 1) + " ";
    back = at + fixed(axis.y(point.least), 1) + " " + back;
  }
  out += cat("<polygon points=\"", band, back, "\" fill=\"#2a6f97\" opacity=\"0.2\"/>\n<polyline points=\"", line,
             "\" fill=\"none\" stroke=\"#2a6f97\" stroke-width=\"1.5\"/>\n");
  const double base = kHeight - 8;
  return out + svg_text(kLeft, base, "start", "step 1") +
         svg_text(kWidth - kRight, base, "end", std::to_string(values.size())) + "</svg>\n";
}

}  // namespace zebra
