#include "select/score_plot.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace zebra {

namespace {

constexpr double kBar = 28, kGap = 8, kLeft = 56, kTop = 40, kHeight = 200;

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '<' ? "&lt;" : c == '&' ? "&amp;" : std::string(1, c);
  return out;
}

std::string text_at(double x, double y, const std::string& anchor, const std::string& text) {
  return cat("<text x=\"", fixed(x, 1), "\" y=\"", fixed(y, 1), "\" text-anchor=\"", anchor, "\">", escaped(text),
             "</text>\n");
}

}  // namespace

std::string score_plot(const std::string& title, const std::vector<double>& scores,
                       const std::vector<int64_t>& chosen) {
  const double top = std::max(0.0, *std::max_element(scores.begin(), scores.end()));
  const double bottom = std::min(0.0, *std::min_element(scores.begin(), scores.end()));
  const double scale = kHeight / std::max(top - bottom, 1e-12), zero = kTop + top * scale;
  const double width = kLeft + static_cast<double>(scores.size()) * (kBar + kGap) + kGap;
  std::string out = cat("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 ", fixed(width, 0), " ",
                        fixed(kTop + kHeight + 48, 0), "\" font-family=\"sans-serif\" font-size=\"12\">\n",
                        text_at(kGap, 20, "start", title), text_at(kLeft - 6, kTop + 4, "end", fixed(top, 3)),
                        text_at(kLeft - 6, kTop + kHeight + 4, "end", fixed(bottom, 3)));
  for (size_t layer = 0; layer < scores.size(); ++layer) {
    const bool taken = std::count(chosen.begin(), chosen.end(), static_cast<int64_t>(layer)) > 0;
    const double x = kLeft + kGap + static_cast<double>(layer) * (kBar + kGap);
    const double high = std::max(scores[layer], 0.0) * scale, low = std::max(-scores[layer], 0.0) * scale;
    out += cat("<rect x=\"", fixed(x, 1), "\" y=\"", fixed(zero - high, 1), "\" width=\"", fixed(kBar, 0),
               "\" height=\"", fixed(high + low, 1), "\" fill=\"", taken ? "#d1495b" : "#9aa5b1", "\"><title>layer ",
               layer, ": ", fixed(scores[layer], 5), "</title></rect>\n",
               text_at(x + kBar / 2, kTop + kHeight + 20, "middle", std::to_string(layer)));
  }
  return out + text_at(kLeft + kGap, kTop + kHeight + 38, "start", "layer; red = MLA") + "</svg>\n";
}

}  // namespace zebra
