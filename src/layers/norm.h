#pragma once
// Root mean square normalisation of the last dimension (Zhang & Sennrich 2019).
#include <ATen/ATen.h>

#include "ops/rms_norm.h"

namespace zebra {

struct RmsNorm {
  at::Tensor weight;  // [D]
  double eps = 1e-6;
  at::Tensor operator()(const at::Tensor& x) const { return ops::rms_norm(x, weight, eps); }
};

}  // namespace zebra
