#include "io/axis.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace zebra {

namespace {

// About five of them.
double round_unit(double range) {
  const double rough = range / 5, power = std::pow(10, std::floor(std::log10(rough))), part = rough / power;
  return power * (part > 5 ? 10 : part > 2 ? 5 : part > 1 ? 2 : 1);
}

}  // namespace

Axis::Axis(double least, double greatest, AxisScale scale, double from, double to)
    : low_(least), high_(greatest), from_(from), to_(to) {
  logarithmic_ = scale == AxisScale::automatic && low_ > 0 && high_ > 10 * low_;
  root_ = scale == AxisScale::root;
  if (logarithmic_) return;
  if (root_ || (low_ > 0 && low_ < high_ / 2)) low_ = 0;
  if (low_ == high_) high_ = low_ + std::max(std::abs(low_), 1e-12);
}

double Axis::part(double figure) const {
  if (logarithmic_) return std::log(figure / low_) / std::log(high_ / low_);
  return root_ ? std::sqrt(figure / high_) : (figure - low_) / (high_ - low_);
}

double Axis::at(double figure) const {
  return from_ + part(figure) * (to_ - from_);
}

std::vector<double> Axis::ticks() const {
  std::vector<double> out;
  if (logarithmic_ || root_) {
    const double least = root_ ? high_ / 100 : low_;  // below that they would stand on each other
    const bool decades = high_ > 1e3 * least;
    if (root_) out.push_back(0);
    for (double power = std::pow(10, std::floor(std::log10(least))); power <= high_; power *= 10) {
      for (const double digit : {1.0, 2.0, 5.0}) {
        const double tick = digit * power;
        if (tick >= least && tick <= high_ && (digit == 1 || !decades)) out.push_back(tick);
      }
    }
    return out;
  }
  const double unit = round_unit(high_ - low_);
  for (double tick = std::ceil(low_ / unit) * unit; tick <= high_ + unit / 1e6; tick += unit) {
    out.push_back(std::abs(tick) < unit / 1e6 ? 0 : tick);
  }
  return out;
}

std::string short_number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

}  // namespace zebra
