#pragma once
// The affine map that all layers are made of.
#include <ATen/ATen.h>

#include "ops/linear.h"

namespace zebra {

// y = x W^T + b; `bias` undefined where the checkpoint has none.
struct Linear {
  at::Tensor weight;  // [out, in]
  at::Tensor bias;    // [out] or undefined
  at::Tensor operator()(const at::Tensor& x) const { return ops::linear(x, weight, bias); }
};

}  // namespace zebra
