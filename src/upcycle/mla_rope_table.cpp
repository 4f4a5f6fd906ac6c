#include "upcycle/mla_rope_table.h"

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

bool grows(const RopeConfig& rope) {
  return rope.type == RopeConfig::Type::dynamic && (rope.inv_freq.empty() || rope.ntk_dim > 0);
}

// Nothing else is in the table: cos, sin and scores keep their size, and no frequency depends on the length.
bool only_frequencies(const RopeConfig& rope) {
  return !grows(rope) && rope_attention_factor(rope) == 1 && rope_softmax_factor(rope) == 1;
}

// Frequencies that depend on the length in the same way.
bool grow_alike(const RopeConfig& a, const RopeConfig& b) {
  return grows(a) && grows(b) && a.theta == b.theta && a.factor == b.factor && a.max_position == b.max_position &&
         a.mscale_all_dim == 0 && b.mscale_all_dim == 0;
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
  rope.ntk_dim = 0;
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
  if (!grows(rope)) return with_frequencies(std::move(rope), kept);
  const bool whole = kept.size() == all.size();
  rope.inv_freq = whole ? std::vector<double>() : kept;
  rope.ntk_dim = whole ? 0 : 2 * static_cast<int64_t>(all.size());
  return rope;
}

bool share_table(const RopeConfig& a, const RopeConfig& b) {
  if (canonical(a) == canonical(b)) return true;
  return a.layout == b.layout && ((only_frequencies(a) && only_frequencies(b)) || grow_alike(a, b));
}

void unify_tables(ModelConfig& model) {
  std::vector<MlaConfig*> layers;
  for (auto& mixer : model.mixers) {
    if (auto* mla = mixer.as<MlaConfig>()) layers.push_back(mla);
  }
  const auto same = [&](const MlaConfig* mla) { return canonical(mla->rope) == canonical(layers.front()->rope); };
  if (std::all_of(layers.begin(), layers.end(), same)) return;
  for (auto* mla : layers) {
    const auto frequencies = rope_frequencies(mla->rope, mla->rope_dim);
    const bool dynamic = grows(mla->rope);
    const int64_t ntk_dim = mla->rope.ntk_dim > 0 ? mla->rope.ntk_dim : mla->rope_dim;
    mla->rope = layers.front()->rope;
    mla->rope.inv_freq = frequencies;
    if (dynamic) {
      mla->rope.ntk_dim = ntk_dim;
      continue;
    }
    mla->rope.type = RopeConfig::Type::standard;
    mla->rope.factor = 1;
  }
}

}  // namespace zebra
