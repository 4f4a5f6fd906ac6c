#pragma once
// Weights and outputs that are infinite or NaN. Who meets one stops, and says which tensor it comes from.
#include <ATen/ATen.h>

#include <string>

#include "model/checkpoint.h"
#include "model/model.h"

namespace zebra {

// One pass over the numbers, without a copy.
bool all_finite(const at::Tensor& values);
bool all_finite(const float* values, int64_t count);

// Error(input) names the tensor if it has a value that is not finite.
void check_finite(const std::string& name, const at::Tensor& value);

// What is wrong with the first weight that is not finite, in words that end an error; empty where all are.
std::string first_not_finite(const Model& model);

// For outputs that came out not finite, as "logits": looks through the weights behind them. Error(input) names the
// first tensor that is to blame; Error(runtime) says that none is, so that numbers grew too large on the way.
[[noreturn]] void fail_not_finite(const Model& model, const std::string& what);
[[noreturn]] void fail_not_finite(const WeightSource& source, const std::string& what);

// Watches values as they are made, without waiting for a device: a NaN in one of them stays in the sum.
class FiniteWatch {
 public:
  void see(const at::Tensor& values);
  bool finite() const;  // waits

 private:
  at::Tensor sum_;
};

}  // namespace zebra
