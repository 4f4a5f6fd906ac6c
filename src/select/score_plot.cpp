#include "select/score_plot.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "io/markup.h"

namespace zebra {

namespace {

constexpr double kBar = 28, kGap = 8, kLeft = 56, kTop = 40, kHeight = 200;

}  // namespace

std::string score_plot(const std::string& title, const std::vector<double>& scores,
                       const std::vector<int64_t>& chosen) {
  const double top = std::max(0.0, *std::max_element(scores.begin(), scores.end()));
  const double bottom = std::min(0.0, *std::min_element(scores.begin(), scores.end()));
  const double scale = kHeight / std::max(top - bottom, 1e-12), zero = kTop + top * scale;
  const double width = kLeft + static_cast<double>(scores.size()) * (kBar + kGap) + kGap;
  std::string out = cat(svg_begin(width, kTop + kHeight + 48), svg_text(kGap, 20, "start", title),
                        svg_text(kLeft - 6, kTop + 4, "end", fixed(top, 3)),
                        svg_text(kLeft - 6, kTop + kHeight + 4, "end", fixed(bottom, 3)));
  for (size_t layer = 0; layer < scores.size(); ++layer) {
    const bool taken = std::count(chosen.begin(), chosen.end(), static_cast<int64_t>(layer)) > 0;
    const double x = kLeft + kGap + static_cast<double>(layer) * (kBar + kGap);
    const double high = std::max(scores[layer], 0.0) * scale, low = std::max(-scores[layer], 0.0) * scale;
    out += cat(svg_rect(x, zero - high, kBar, high + low, taken ? "#d1495b" : "#9aa5b1",
                        cat("layer ", layer, ": ", fixed(scores[layer], 5))),
               svg_text(x + kBar / 2, kTop + kHeight + 20, "middle", std::to_string(layer)));
  }
  return out + svg_text(kLeft + kGap, kTop + kHeight + 38, "start", "layer; red = MLA") + "</svg>\n";
}

}  // namespace zebra
