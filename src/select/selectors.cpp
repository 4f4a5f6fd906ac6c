#include "select/selectors.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "base/text.h"

namespace zebra {

namespace {

using Layers = std::vector<int64_t>;
using Scores = std::vector<double>;

struct Selector {
  const char* name;
  Layers (*choose)(const Scores& scores, int64_t count);
};

constexpr Selector kSelectors[] = {{"smart", smart_layers}, {"largest", largest_layers}, {"uniform", uniform_layers}};

int64_t best_of(const Scores& scores, int64_t begin, int64_t end) {
  return std::max_element(scores.begin() + begin, scores.begin() + end) - scores.begin();
}

}  // namespace

Layers smart_layers(const Scores& scores, int64_t count) {
  const auto layers = static_cast<int64_t>(scores.size());
  const int64_t part = std::max<int64_t>(1, layers / count);
  const int64_t first = best_of(scores, 0, part);
  if (count == 1) return {best_of(scores, 0, layers)};
  const int64_t last = best_of(scores, layers - part, layers);

  // best[k][i]: largest total of k + 1 layers of which the last is first + i. Distances are `near` or near + 1.
  const int64_t span = last - first, near = span / (count - 1);
  constexpr double kNone = -std::numeric_limits<double>::infinity();
  std::vector<Scores> best(static_cast<size_t>(count), Scores(static_cast<size_t>(span + 1), kNone));
  std::vector<Layers> from(static_cast<size_t>(count), Layers(static_cast<size_t>(span + 1), -1));
  best[0][0] = scores[static_cast<size_t>(first)];
  for (size_t k = 1; k < best.size(); ++k) {
    for (int64_t at = 0; at <= span; ++at) {
      // The longer way back first: of equal totals the earlier layer stays.
      for (const int64_t distance : {near + 1, near}) {
        const int64_t before = at - distance;
        if (before < 0 || distance == 0) continue;
        const double total = best[k - 1][static_cast<size_t>(before)] + scores[static_cast<size_t>(first + at)];
        if (total > best[k][static_cast<size_t>(at)]) {
          best[k][static_cast<size_t>(at)] = total;
          from[k][static_cast<size_t>(at)] = before;
        }
      }
    }
  }
  Layers out(static_cast<size_t>(count));
  int64_t at = span;
  for (size_t k = out.size(); k-- > 0;) {
    out[k] = first + at;
    at = from[k][static_cast<size_t>(at)];
  }
  return out;
}

Layers largest_layers(const Scores& scores, int64_t count) {
  Layers order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return scores[static_cast<size_t>(a)] > scores[static_cast<size_t>(b)];
  });
  order.resize(static_cast<size_t>(count));
  std::sort(order.begin(), order.end());
  return order;
}

Layers uniform_layers(const Scores& scores, int64_t count) {
  const auto layers = static_cast<int64_t>(scores.size());
  Layers out;
  for (int64_t i = 0; i < count; ++i) out.push_back((2 * i + 1) * layers / (2 * count));
  return out;
}

const std::vector<std::string>& selector_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const auto& selector : kSelectors) out.emplace_back(selector.name);
    return out;
  }();
  return names;
}

Layers select_layers(const std::string& name, const Scores& scores, int64_t count) {
  if (count < 1 || count > static_cast<int64_t>(scores.size())) {
    fail_usage("count: expected 1 to ", scores.size(), " layers, found ", count);
  }
  for (const double score : scores) {
    if (!std::isfinite(score))
      fail(ErrorKind::runtime, "a layer's score is not finite: the students do not fit the text");
  }
  for (const auto& selector : kSelectors) {
    if (name == selector.name) return selector.choose(scores, count);
  }
  fail_usage("method: expected one of ", join(selector_names(), ", "), ", found \"", name, "\"");
}

}  // namespace zebra
