#include "select/subset_search.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <utility>

#include "base/error.h"

namespace zebra {

namespace {

using Layers = std::vector<int64_t>;

// Of the next combination in lexicographic order; false after the last.
bool advance(Layers& layers, int64_t total) {
  const auto count = static_cast<int64_t>(layers.size());
  for (int64_t i = count - 1; i >= 0; --i) {
    if (layers[static_cast<size_t>(i)] == total - count + i) continue;
    std::iota(layers.begin() + i, layers.end(), layers[static_cast<size_t>(i)] + 1);
    return true;
  }
  return false;
}

}  // namespace

int64_t count_subsets(int64_t layers, int64_t count, int64_t limit) {
  double subsets = 1;
  for (int64_t i = 0; i < std::min(count, layers - count); ++i) {
    subsets = subsets * static_cast<double>(layers - i) / static_cast<double>(i + 1);
    if (subsets > static_cast<double>(limit)) return limit + 1;
  }
  return std::llround(subsets);
}

SubsetSearch search_subsets(int64_t layers, int64_t count, const SubsetLimits& limits,
                            const std::function<double(const Layers&)>& kl) {
  if (count < 1 || count > layers) fail_usage("count: expected 1 to ", layers, " layers, found ", count);
  if (limits.beam < 1) fail_usage("beam: expected 1 or more, found ", limits.beam);
  SubsetSearch out;
  std::map<Layers, double> known;
  const auto measure = [&](const Layers& subset) {
    const auto found = known.find(subset);
    if (found != known.end()) return found->second;
    ++out.evaluated;
    const double value = kl(subset);
    if (!std::isfinite(value))
      fail(ErrorKind::runtime, "a subset's KL is not finite: the students do not fit the text");
    return known[subset] = value;
  };
  out.base = measure({});
  for (int64_t layer = 0; layer < layers; ++layer) out.scores.push_back(out.base - measure({layer}));

  using Ranked = std::vector<std::pair<double, Layers>>;  // sorted: by KL, then lexicographically
  Ranked beam;
  out.all = count_subsets(layers, count, limits.all) <= limits.all;
  if (out.all) {
    Layers subset(static_cast<size_t>(count));
    std::iota(subset.begin(), subset.end(), 0);
    do {
      beam.emplace_back(measure(subset), subset);
    } while (advance(subset, layers));
  } else {
    beam = {{out.base, {}}};
    for (int64_t size = 1; size <= count; ++size) {
      std::map<Layers, double> grown;
      for (const auto& [value, subset] : beam) {
        for (int64_t layer = 0; layer < layers; ++layer) {
          if (std::binary_search(subset.begin(), subset.end(), layer)) continue;
          Layers larger = subset;
          larger.insert(std::lower_bound(larger.begin(), larger.end(), layer), layer);
          grown[larger] = measure(larger);
        }
      }
      beam.clear();
      for (const auto& [subset, value] : grown) beam.emplace_back(value, subset);
      std::sort(beam.begin(), beam.end());
      beam.resize(std::min(beam.size(), static_cast<size_t>(limits.beam)));
    }
  }
  std::tie(out.kl, out.layers) = *std::min_element(beam.begin(), beam.end());
  return out;
}

}  // namespace zebra
