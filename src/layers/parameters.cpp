#include "layers/parameters.h"

namespace zebra {

namespace {

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

at::ScalarType at_least_fp32(at::ScalarType type) {
  return type == at::kDouble ? at::kDouble : at::kFloat;
}

}  // namespace

bool keeps_fp32(std::string_view name) {
  return ends_with(name, "norm.weight") || ends_with(name, ".A_log") || ends_with(name, ".D") ||
         ends_with(name, ".dt_bias");
}

at::ScalarType parameter_dtype(std::string_view name, at::ScalarType model) {
  return keeps_fp32(name) ? at_least_fp32(model) : model;
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
  visit(name + ".weight", linear.weight);
  if (linear.bias.defined()) visit(name + ".bias", linear.bias);
}

}  // namespace zebra
