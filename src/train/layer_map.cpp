#include "train/layer_map.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "io/markup.h"
#include "model/describe.h"

namespace zebra {

namespace {

constexpr double kBar = 20, kGap = 4, kHeight = 80, kStrip = 14, kTop = 8;

// Of one layer: its bytes, beside those of the attention that it stands for.
CacheCost layer_cost(const ModelConfig& config, const MixerConfig& mixer) {
  ModelConfig one = config;
  one.attention = base_attention(config);
  one.mixers = {mixer};
  one.windows.clear();
  return cache_cost(one);
}

}  // namespace

std::string layer_map(const ModelConfig& config) {
  const CacheCost whole = cache_cost(config);
  std::string text = cat(fixed(whole.percent(), 2), " % of the attention model's KV cache: ", fixed(whole.per_token, 0),
                         " of ", fixed(whole.base_per_token, 0), " bytes per token");
  if (whole.per_sequence > 0) {
    text += cat(", and ", bytes_text(whole.per_sequence), " per sequence; all of it at ",
                cache_use_text(config, usual_lengths(config)));
  }
  std::string picture = svg_begin(std::max(720.0, static_cast<double>(config.layers()) * (kBar + kGap) + kGap),
                                  kTop + kHeight + kStrip + 24);
  std::string rows;
  for (size_t layer = 0; layer < config.mixers.size(); ++layer) {
    const MixerConfig& mixer = config.mixers[layer];
    const std::string kind = mixer->kind(), shape = mixer->shape();
    const CacheCost cost = layer_cost(config, mixer);
    const double x = kGap + static_cast<double>(layer) * (kBar + kGap);
    const double high = kHeight * std::min(cost.percent(), 100.0) / 100;
    const std::string title = cat("layer ", layer, ": ", kind, ", ", shape);
    picture += svg_rect(x, kTop, kBar, kHeight, "#edf0f3", title) +
               svg_rect(x, kTop + kHeight - high, kBar, high, mixer->colour(), title) +
               svg_rect(x, kTop + kHeight + 2, kBar, kStrip, mixer->colour(), title) +
               svg_text(x + kBar / 2, kTop + kHeight + kStrip + 18, "middle", std::to_string(layer));
    rows += cat("<tr><td>", layer, "</td><td><span style=\"color:", mixer->colour(), "\">&#9632;</span> ", kind,
                "</td><td>", escaped(shape), "</td><td>", fixed(cost.per_token, 0), "</td><td>",
                fixed(cost.percent(), 2), "</td><td>", fixed(cost.per_sequence, 0), "</td></tr>\n");
  }
  return cat(
      "<p>", escaped(text), ".</p>\n", picture, "</svg>\n<p class=\"note\">A bar is the layer's cache beside that of ",
      "attention (grey); the strip below is its mixer. Numbers of 2 bytes, states of 4.</p>\n",
      "<table>\n<tr><th>layer</th><th>mixer</th><th>shape</th><th>cache bytes per token</th><th>% of attention</th>",
      "<th>bytes per sequence</th></tr>\n", rows, "</table>\n");
}

}  // namespace zebra
