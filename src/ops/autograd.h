#pragma once
// Own gradients without torch's autograd headers: an op computes its outputs, then says how gradients flow back.
#include <ATen/ATen.h>

#include <functional>
#include <vector>

namespace zebra::ops {

using Tensors = std::vector<at::Tensor>;

// Gradients of the inputs (undefined where there is none) from the saved tensors and the gradients of the outputs, of
// which those that nobody used are undefined.
using Backward = std::function<Tensors(const Tensors& saved, const Tensors& outer)>;

struct Computed {
  Tensors outputs;
  Tensors saved;  // what the gradient needs; not asked for where nobody wants a gradient
};

// The outputs of `compute(keep)` as differentiable functions of the inputs (undefined ones count as constants), which
// it may read; it runs without autograd. Without a wanted gradient this is compute(false) and nothing else.
Tensors differentiable(const Tensors& inputs, const std::function<Computed(bool keep)>& compute, Backward backward);

}  // namespace zebra::ops
