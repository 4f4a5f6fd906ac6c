#pragma once
// Gradient checkpointing (Chen et al. 2016, arXiv:1604.06174): what a function computes on the way to its outputs is
// not kept for the gradient but computed a second time when the gradient asks for it.
#include "ops/autograd.h"

namespace zebra::ops {

// The outputs of `compute(inputs)` as differentiable functions of the inputs and of `parameters`, the leaves that
// `compute` reads besides. Only the inputs are kept. `compute` must give the same bits each time; outputs and gradients
// are then those of calling it, bit for bit. Without a wanted gradient this is compute(inputs) and nothing else.
Tensors recomputed(const Tensors& inputs, const Tensors& parameters,
                   const std::function<Tensors(const Tensors& inputs)>& compute);

}  // namespace zebra::ops
