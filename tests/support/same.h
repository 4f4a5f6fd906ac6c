#pragma once
// A fast op against its plain twin: outputs and gradients, in float64 and in lower precision.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <functional>
#include <vector>

namespace zebra::testing {

using Op = std::function<std::vector<at::Tensor>(const std::vector<at::Tensor>&)>;

// Outputs, then gradients of a fixed random weighting of the outputs, all as float64.
inline std::vector<at::Tensor> outputs_and_gradients(const Op& op, const std::vector<at::Tensor>& values,
                                                     at::ScalarType type) {
  std::vector<at::Tensor> inputs;
  for (const auto& value : values) inputs.push_back(value.detach().to(type, false, true).set_requires_grad(true));
  const auto outputs = op(inputs);
  at::Tensor sum = at::zeros({}, at::kDouble);
  std::vector<at::Tensor> result;
  for (const auto& output : outputs) {
    const at::Tensor weight = (at::arange(output.numel(), at::kDouble) * 0.7 + 1).sin().view(output.sizes());
    sum = sum + (output.to(at::kDouble) * weight).sum();
    result.push_back(output.detach().to(at::kDouble));
  }
  sum.backward();
  for (const auto& input : inputs) {
    result.push_back(input.grad().defined() ? input.grad().to(at::kDouble) : at::zeros_like(input, at::kDouble));
  }
  return result;
}

inline double relative_difference(const at::Tensor& found, const at::Tensor& expected) {
  if (expected.numel() == 0) return 0;
  const double scale = std::max(1.0, expected.abs().max().item<double>());
  return (found - expected).abs().max().item<double>() / scale;
}

// `fast` in float64 within 1e-9 and in float32 within `tolerance` of `plain` in float64. `values` are float64.
inline void expect_same(const Op& fast, const Op& plain, const std::vector<at::Tensor>& values,
                        double tolerance = 2e-5) {
  const auto expected = outputs_and_gradients(plain, values, at::kDouble);
  for (const auto& [type, limit] : {std::pair{at::kDouble, 1e-9}, std::pair{at::kFloat, tolerance}}) {
    const auto found = outputs_and_gradients(fast, values, type);
    ASSERT_EQ(found.size(), expected.size());
    for (size_t i = 0; i < found.size(); ++i) {
      ASSERT_EQ(found[i].sizes(), expected[i].sizes());
      EXPECT_LE(relative_difference(found[i], expected[i]), limit)
          << "value " << i << " (outputs first, then gradients) in " << type;
    }
  }
}

}  // namespace zebra::testing
