#pragma once
// The gated feed-forward part of a layer: down(activation(gate(x)) * up(x)).
#include <string>

#include "layers/linear.h"
#include "layers/parameters.h"

namespace zebra {

struct Mlp {
  Linear gate_proj, up_proj, down_proj;
  std::string activation = "silu";
  at::Tensor operator()(const at::Tensor& x) const;
  at::Tensor neurons(const at::Tensor& x) const;  // what goes into down_proj: activation(gate) * up, [.., F]
  void parameters(const std::string& prefix, const ParameterVisitor& visit);
};

}  // namespace zebra
