#pragma once
// A bar for every layer's score as an SVG picture, the chosen layers in colour.
#include <cstdint>
#include <string>
#include <vector>

namespace zebra {

std::string score_plot(const std::string& title, const std::vector<double>& scores, const std::vector<int64_t>& chosen);

}  // namespace zebra
