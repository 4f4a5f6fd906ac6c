#include "layers/mlp.h"

#include "base/error.h"
#include "ops/mlp.h"
#include "ops/swiglu.h"

namespace zebra {

at::Tensor Mlp::operator()(const at::Tensor& x) const {
  if (activation == "silu" && !gate_proj.bias.defined() && !up_proj.bias.defined() && !down_proj.bias.defined()) {
    return ops::mlp(x, gate_proj.weight, up_proj.weight, down_proj.weight);
  }
  return down_proj(neurons(x));
}

at::Tensor Mlp::neurons(const at::Tensor& x) const {
  const at::Tensor gate = gate_proj(x), up = up_proj(x);
  if (activation == "silu") return ops::swiglu(gate, up);
  if (activation == "gelu") return at::gelu(gate) * up;
  if (activation == "gelu_pytorch_tanh" || activation == "gelu_new") return at::gelu(gate, "tanh") * up;
  if (activation == "relu") return at::relu(gate) * up;
  fail_input("hidden_act: expected silu, gelu, gelu_pytorch_tanh, gelu_new or relu, found \"", activation, "\"");
}

void Mlp::parameters(const std::string& prefix, const ParameterVisitor& visit) {
  visit_linear(prefix + ".gate_proj", gate_proj, visit);
  visit_linear(prefix + ".up_proj", up_proj, visit);
  visit_linear(prefix + ".down_proj", down_proj, visit);
}

}  // namespace zebra
