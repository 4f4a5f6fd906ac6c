#pragma once
// A figure over the steps of a run as an SVG picture.
#include <string>
#include <vector>

#include "io/axis.h"

namespace zebra {

// values[i] belongs to step i + 1; one that is not finite is left out. A long run is drawn as the mean of neighbouring
// steps over the band from their least to their greatest.
std::string curve_plot(const std::string& title, const std::vector<double>& values, AxisScale scale);

}  // namespace zebra
