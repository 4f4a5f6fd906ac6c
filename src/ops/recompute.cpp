#include "ops/recompute.h"

#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

namespace zebra::ops {

namespace {

// Copies that share memory but start a graph of their own.
Tensors as_leaves(const Tensors& inputs, const std::vector<bool>& wanted) {
  Tensors leaves;
  for (size_t i = 0; i < inputs.size(); ++i) {
    leaves.push_back(inputs[i].defined() ? inputs[i].detach().set_requires_grad(wanted[i]) : at::Tensor());
  }
  return leaves;
}

}  // namespace

Tensors recomputed(const Tensors& inputs, const Tensors& parameters,
                   const std::function<Tensors(const Tensors& inputs)>& compute) {
  std::vector<bool> wanted;
  Tensors all = inputs;
  all.insert(all.end(), parameters.begin(), parameters.end());
  for (const auto& input : all) wanted.push_back(input.defined() && input.requires_grad());

  const auto forward = [&](bool keep) -> Computed {
    if (!keep) return {compute(inputs), {}};
    // With a graph that is dropped at once: an op may choose another path where nobody wants its gradient.
    c10::AutoGradMode with_graph(true);
    Tensors outputs = compute(as_leaves(inputs, wanted));
    for (auto& output : outputs) output = output.detach();
    return {std::move(outputs), inputs};
  };
  const auto backward = [compute, parameters, wanted](const Tensors& saved, const Tensors& outer) {
    c10::AutoGradMode with_graph(true);
    Tensors sources = as_leaves(saved, wanted);
    const Tensors outputs = compute(sources);
    sources.insert(sources.end(), parameters.begin(), parameters.end());
    Tensors used, slopes, asked;
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (!outer[i].defined() || !outputs[i].requires_grad()) continue;
      used.push_back(outputs[i]);
      slopes.push_back(outer[i]);
    }
    for (size_t i = 0; i < sources.size(); ++i) {
      if (wanted[i]) asked.push_back(sources[i]);
    }
    Tensors result(sources.size());
    if (used.empty()) return result;
    const Tensors found = torch::autograd::grad(used, asked, slopes, std::nullopt, false, true);
    for (size_t i = 0, next = 0; i < sources.size(); ++i) {
      if (wanted[i]) result[i] = found[next++];
    }
    return result;
  };
  return differentiable(all, forward, backward);
}

}  // namespace zebra::ops
