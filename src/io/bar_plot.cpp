#include "io/bar_plot.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "io/markup.h"

namespace zebra {

namespace {

constexpr double kBar = 28, kGap = 8, kLeft = 56, kTop = 40, kHeight = 200, kLetter = 7;
constexpr size_t kShort = 4;  // letters that fit below a bar

}  // namespace

std::string bar_plot(const std::string& title, const std::vector<Bar>& bars, const std::string& note) {
  double top = 0, bottom = 0;
  size_t letters = 0;
  for (const Bar& bar : bars) {
    top = std::max(top, bar.value), bottom = std::min(bottom, bar.value), letters = std::max(letters, bar.label.size());
  }
  const bool slanted = letters > kShort;
  const double scale = kHeight / std::max(top - bottom, 1e-12), zero = kTop + top * scale, base = kTop + kHeight;
  // Slanted labels reach down, and out at the left.
  const double long_label = slanted ? kLetter * static_cast<double>(letters) : 0;
  const double left = std::max(kLeft, 0.8 * long_label), below = slanted ? 16 + 0.65 * long_label : 20;
  const double width = left + static_cast<double>(bars.size()) * (kBar + kGap) + kGap;
  std::string out =
      cat(svg_begin(std::max(width, 320.0), base + below + 28), svg_text(kGap, 20, "start", title),
          svg_text(left - 6, kTop + 4, "end", fixed(top, 3)), svg_text(left - 6, base + 4, "end", fixed(bottom, 3)));
  for (size_t i = 0; i < bars.size(); ++i) {
    const Bar& bar = bars[i];
    const double x = left + kGap + static_cast<double>(i) * (kBar + kGap);
    const double high = std::max(bar.value, 0.0) * scale, low = std::max(-bar.value, 0.0) * scale;
    out += cat(svg_rect(x, zero - high, kBar, high + low, bar.colour, bar.title),
               slanted ? svg_slanted(x + kBar / 2 + 4, base + 16, bar.label)
                       : svg_text(x + kBar / 2, base + 20, "middle", bar.label));
  }
  return out + svg_text(left + kGap, base + below + 18, "start", note) + "</svg>\n";
}

}  // namespace zebra
