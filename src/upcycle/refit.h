#pragma once
// Closed-form refit of an output projection: ridge regression of what the layer should have added to the stream on
// what its mixer computes before the projection, shrunk towards the inherited weight.
#include <ATen/ATen.h>

namespace zebra {

class OutputRefit {
 public:
  // y [.., E] before the projection, target [.., D].
  void see(const at::Tensor& y, const at::Tensor& target);
  // argmin over W of E|target - W y|^2 + ridge |W - inherited|^2, in float64: [D, E].
  at::Tensor solve(const at::Tensor& inherited) const;

 private:
  at::Tensor products_, cross_;  // [E, E], [E, D]
};

}  // namespace zebra
