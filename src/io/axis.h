#pragma once
// An axis of a picture: where a figure stands along it, and the round numbers beside it.
#include <string>
#include <vector>

namespace zebra {

enum class AxisScale {
  linear,
  automatic,  // logarithmic where the figures are above 0 and spread over more than a factor of 10
  root        // square roots, from 0: small figures have more room
};

class Axis {
 public:
  // From the least to the greatest figure; `from` and `to` are their places in the picture.
  Axis(double least, double greatest, AxisScale scale, double from, double to);

  double at(double figure) const;
  std::vector<double> ticks() const;  // a handful

 private:
  double part(double figure) const;

  double low_, high_, from_, to_;
  bool logarithmic_, root_;
};

std::string short_number(double value);  // as it stands beside a tick

}  // namespace zebra
