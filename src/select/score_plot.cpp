#include "select/score_plot.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "io/bar_plot.h"

namespace zebra {

std::string score_plot(const std::string& title, const std::vector<double>& scores,
                       const std::vector<int64_t>& chosen) {
  std::vector<Bar> bars;
  for (size_t layer = 0; layer < scores.size(); ++layer) {
    const bool taken = std::count(chosen.begin(), chosen.end(), static_cast<int64_t>(layer)) > 0;
    bars.push_back({std::to_string(layer), scores[layer], taken ? "#d1495b" : "#9aa5b1",
                    cat("layer ", layer, ": ", fixed(scores[layer], 5))});
  }
  return bar_plot(title, bars, "layer; red = MLA");
}

}  // namespace zebra
