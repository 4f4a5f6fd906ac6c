#include "upcycle/rope_table.h"

#include <cmath>
#include <utility>

namespace zebra {

namespace {

// float32 tables differ in the seventh digit; a student cannot notice it.
constexpr double kTolerance = 2e-6;

bool near(double a, double b) {
  return std::fabs(a - b) <= kTolerance * std::fabs(b);
}

// The number a person would have written, where float32 rounding is all that separates them.
double tidy(double value) {
  const double digits = std::pow(10.0, 6 - std::ceil(std::log10(value)));
  const double round = std::round(value * digits) / digits;
  return near(value, round) ? round : value;
}

}  // namespace

bool is_geometric(const std::vector<double>& frequencies) {
  for (size_t i = 2; i < frequencies.size(); ++i) {
    const double expected = frequencies[i - 1] * frequencies[1] / frequencies[0];
    if (!near(frequencies[i], expected)) return false;
  }
  return !frequencies.empty() && frequencies[0] > 0 && frequencies[0] <= 1 + kTolerance;
}

RopeConfig with_frequencies(RopeConfig rope, const std::vector<double>& frequencies) {
  rope.type = RopeConfig::Type::standard;
  rope.factor = 1;
  rope.inv_freq.clear();
  if (!is_geometric(frequencies)) {
    rope.inv_freq = frequencies;
    return rope;
  }
  const size_t count = frequencies.size();
  if (count > 1) {
    const double span = frequencies.front() / frequencies.back();  // theta^((count - 1) / count)
    rope.theta = tidy(std::pow(span, static_cast<double>(count) / static_cast<double>(count - 1)));
  }
  if (!near(frequencies[0], 1)) {
    rope.type = RopeConfig::Type::linear;
    rope.factor = tidy(1 / frequencies[0]);
  }
  return rope;
}

RopeConfig with_frequencies(RopeConfig rope, const std::vector<double>& all, const std::vector<int64_t>& places) {
  std::vector<double> kept;
  for (const int64_t place : places) kept.push_back(all[static_cast<size_t>(place)]);
  return with_frequencies(std::move(rope), kept);
}

}  // namespace zebra
