#pragma once
// Losses whose gradients are computed together with their value.
#include <ATen/ATen.h>

#include <vector>

namespace zebra::ops {

// `value` (a scalar) as a function of `inputs` with the given gradients; an undefined one stands for "not needed".
at::Tensor with_gradients(const at::Tensor& value, const std::vector<at::Tensor>& inputs,
                          const std::vector<at::Tensor>& gradients);

}  // namespace zebra::ops
