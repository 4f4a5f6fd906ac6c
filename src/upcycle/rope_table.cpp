#include "upcycle/rope_table.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "layers/rope.h"
#include "model/rope_json.h"

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

// Nothing else is in the table: cos, sin and scores keep their size, and no frequency depends on the length.
bool only_frequencies(const RopeConfig& rope) {
  const bool fixed = rope.type != RopeConfig::Type::dynamic || !rope.inv_freq.empty();
  return fixed && rope_attention_factor(rope) == 1 && rope_softmax_factor(rope) == 1;
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

bool share_table(const RopeConfig& a, const RopeConfig& b) {
  return canonical(a) == canonical(b) || (a.layout == b.layout && only_frequencies(a) && only_frequencies(b));
}

void unify_tables(ModelConfig& model) {
  std::vector<MlaConfig*> layers;
  for (auto& mixer : model.mixers) {
    if (auto* mla = std::get_if<MlaConfig>(&mixer)) layers.push_back(mla);
  }
  const auto same = [&](const MlaConfig* mla) { return canonical(mla->rope) == canonical(layers.front()->rope); };
  if (std::all_of(layers.begin(), layers.end(), same)) return;
  for (auto* mla : layers) {
    const auto frequencies = rope_frequencies(mla->rope, mla->rope_dim);
    mla->rope = layers.front()->rope;
    mla->rope.type = RopeConfig::Type::standard;
    mla->rope.factor = 1;
    mla->rope.inv_freq = frequencies;
  }
}

}  // namespace zebra
