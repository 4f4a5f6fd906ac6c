#include "layers/parameters.h"

namespace zebra {

namespace {

at::ScalarType at_least_fp32(at::ScalarType type) {
  return type == at::kDouble ? at::kDouble : at::kFloat;
}

}  // namespace

bool keeps_fp32(Role role) {
  return role == Role::norm || role == Role::decay || role == Role::step || role == Role::skip;
}

at::ScalarType parameter_dtype(Role role, at::ScalarType model) {
  return keeps_fp32(role) ? at_least_fp32(model) : model;
}

Linear make_linear(int64_t in, int64_t out, bool bias, at::TensorOptions options) {
  Linear linear;
  linear.weight = at::empty({out, in}, options);
  if (bias) linear.bias = at::empty({out}, options);
  return linear;
}

at::Tensor make_fp32_vector(int64_t size, at::TensorOptions options) {
  return at::empty({size}, options.dtype(at_least_fp32(at::typeMetaToScalarType(options.dtype()))));
}

void visit_linear(const std::string& name, Linear& linear, const ParameterVisitor& visit) {
  visit({name + ".weight", Role::matrix}, linear.weight);
  if (linear.bias.defined()) visit({name + ".bias", Role::bias}, linear.bias);
}

}  // namespace zebra
