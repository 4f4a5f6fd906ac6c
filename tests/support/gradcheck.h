#pragma once
// Gradients against central differences in float64.
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <functional>
#include <vector>

namespace zebra::testing {

// Checks d(sum of outputs * fixed random weights)/d(input) for every element of every input (float64).
// `function` returns one or several tensors.
inline void gradcheck(const std::function<std::vector<at::Tensor>(const std::vector<at::Tensor>&)>& function,
                      const std::vector<at::Tensor>& values, double tolerance = 1e-6, double step = 1e-5) {
  std::vector<at::Tensor> inputs, weights;
  for (const auto& value : values) {
    ASSERT_EQ(value.scalar_type(), at::kDouble);
    inputs.push_back(value.detach().clone().set_requires_grad(true));
  }
  const auto total = [&](const std::vector<at::Tensor>& outputs) {
    at::Tensor sum = at::zeros({}, at::kDouble);
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (weights.size() <= i) weights.push_back(at::randn(outputs[i].sizes(), at::kDouble));
      sum = sum + (outputs[i].to(at::kDouble) * weights[i]).sum();
    }
    return sum;
  };
  total(function(inputs)).backward();

  at::NoGradGuard no_grad;
  for (size_t which = 0; which < inputs.size(); ++which) {
    ASSERT_TRUE(inputs[which].grad().defined()) << "input " << which << " has no gradient";
    const at::Tensor grad = inputs[which].grad().contiguous();
    double* element = inputs[which].mutable_data_ptr<double>();
    for (int64_t i = 0; i < inputs[which].numel(); ++i) {
      const double before = element[i];
      element[i] = before + step;
      const double above = total(function(inputs)).item<double>();
      element[i] = before - step;
      const double below = total(function(inputs)).item<double>();
      element[i] = before;
      const double expected = (above - below) / (2 * step), found = grad.const_data_ptr<double>()[i];
      ASSERT_NEAR(found, expected, tolerance * std::max(1.0, std::abs(expected)))
          << "input " << which << ", element " << i;
    }
  }
}

}  // namespace zebra::testing
