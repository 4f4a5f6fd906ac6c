#pragma once
// Figures side by side as bars, as an SVG picture.
#include <string>
#include <vector>

namespace zebra {

struct Bar {
  std::string label;
  double value = 0;
  std::string colour, title;  // what a pointer over it shows
};

// Up or down from 0. Short labels stand below, longer ones slanted, `note` under them. Values are finite.
std::string bar_plot(const std::string& title, const std::vector<Bar>& bars, const std::string& note);

}  // namespace zebra
