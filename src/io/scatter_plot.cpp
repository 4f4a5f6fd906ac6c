#include "io/scatter_plot.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/text.h"
#include "io/markup.h"

namespace zebra {

namespace {

constexpr double kWidth = 720, kHeight = 380, kLeft = 64, kRight = 24, kTop = 36, kBottom = 48;
constexpr double kLetter = 6.8, kLine = 13, kDot = 4;  // of a label, about; of a point

struct Box {
  double left, top, right, bottom;
  bool meets(const Box& other) const {
    return left < other.right && other.left < right && top < other.bottom && other.top < bottom;
  }
};

// Finds a place for each label beside its point, where it covers no other label and no point.
class Labels {
 public:
  void block(double x, double y) { taken_.push_back({x - kDot, y - kDot, x + kDot, y + kDot}); }

  std::string place(double x, double y, const std::string& text, const std::string& colour) {
    const double width = kLetter * static_cast<double>(text.size());
    for (double shift = 0; shift < kHeight; shift += kLine) {
      for (const double down : {shift, -shift}) {
        for (const bool right : {true, false}) {
          const double from = right ? x + kDot + 3 : x - kDot - 3 - width;
          const Box box{from, y + down - kLine / 2, from + width, y + down + kLine / 2};
          const bool inside =
              box.left >= 0 && box.right <= kWidth && box.top >= kTop && box.bottom <= kHeight - kBottom;
          if (!inside || std::any_of(taken_.begin(), taken_.end(), [&](const Box& o) { return box.meets(o); }))
            continue;
          taken_.push_back(box);
          // A label that had to move far is tied to its point.
          const std::string tie = shift < 2 * kLine ? ""
                                                    : cat("<path d=\"M", fixed(x, 1), " ", fixed(y, 1), "L",
                                                          fixed(right ? from : from + width, 1), " ",
                                                          fixed(y + down, 1), "\" stroke=\"#9aa5b1\"/>\n");
          return tie + svg_text(right ? from : from + width, y + down + 4, right ? "start" : "end", text, colour);
        }
      }
    }
    return "";  // the point's own title still tells
  }

 private:
  std::vector<Box> taken_;
};

Axis vertical(const Scatter& scatter) {
  double low = INFINITY, high = -INFINITY;
  const auto reach = [&](double from, double to) { low = std::min(low, from), high = std::max(high, to); };
  for (const auto& point : scatter.points) reach(point.y - point.error.value_or(0), point.y + point.error.value_or(0));
  if (scatter.line) reach(*scatter.line, *scatter.line);
  return {low, high, AxisScale::linear, kHeight - kBottom, kTop};
}

}  // namespace

std::string scatter_plot(const Scatter& scatter) {
  std::string out = svg_begin(kWidth, kHeight) + svg_text(kLeft, 18, "start", scatter.title);
  if (scatter.points.empty()) return out + svg_text(kWidth / 2, kHeight / 2, "middle", "no point") + "</svg>\n";
  const auto [least, most] = std::minmax_element(scatter.points.begin(), scatter.points.end(),
                                                 [](const auto& a, const auto& b) { return a.x < b.x; });
  const Axis across(least->x, most->x, scatter.x_scale, kLeft + 12, kWidth - kRight - 12), up = vertical(scatter);
  for (const double tick : up.ticks()) {
    out += cat("<path d=\"M", kLeft, " ", fixed(up.at(tick), 1), "H", kWidth - kRight, "\" stroke=\"#e3e7eb\"/>\n",
               svg_text(kLeft - 6, up.at(tick) + 4, "end", short_number(tick)));
  }
  for (const double tick : across.ticks()) {
    out += cat("<path d=\"M", fixed(across.at(tick), 1), " ", kHeight - kBottom, "v5\" stroke=\"#5c6b7a\"/>\n",
               svg_text(across.at(tick), kHeight - kBottom + 18, "middle", short_number(tick)));
  }
  out += svg_text(kWidth - kRight, kHeight - 8, "end", scatter.x_name);
  Labels labels;
  for (const auto& point : scatter.points) labels.block(across.at(point.x), up.at(point.y));
  if (scatter.line) {
    const double y = up.at(*scatter.line);
    out += cat("<path d=\"M", kLeft, " ", fixed(y, 1), "H", kWidth - kRight,
               "\" stroke=\"#1d2733\" stroke-dasharray=\"6 4\"/>\n",
               labels.place(kLeft, y + kLine, scatter.line_label, "#1d2733"));
  }
  for (const auto& point : scatter.points) {
    const double x = across.at(point.x), y = up.at(point.y);
    if (point.error) {
      out += cat("<path d=\"M", fixed(x, 1), " ", fixed(up.at(point.y - *point.error), 1), "V",
                 fixed(up.at(point.y + *point.error), 1), "\" stroke=\"", point.colour, "\" opacity=\"0.5\"/>\n");
    }
    out += cat("<circle cx=\"", fixed(x, 1), "\" cy=\"", fixed(y, 1), "\" r=\"", kDot, "\" fill=\"", point.colour,
               "\"><title>", escaped(cat(point.label, ": ", short_number(point.x), ", ", short_number(point.y))),
               "</title></circle>\n", labels.place(x, y, point.label, point.colour));
  }
  return out + "</svg>\n";
}

}  // namespace zebra
