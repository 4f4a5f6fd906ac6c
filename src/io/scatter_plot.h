#pragma once
// Labelled points as an SVG picture.
#include <optional>
#include <string>
#include <vector>

#include "io/axis.h"

namespace zebra {

struct ScatterPoint {
  std::string label;
  double x = 0, y = 0;
  std::optional<double> error;  // of y: drawn up and down
  std::string colour;
};

struct Scatter {
  std::string title, x_name;
  AxisScale x_scale = AxisScale::linear;
  std::vector<ScatterPoint> points;
  // A level that the points are compared with.
  std::optional<double> line;
  std::string line_label;
};

// Figures are finite. Labels give way to each other.
std::string scatter_plot(const Scatter& scatter);

}  // namespace zebra
