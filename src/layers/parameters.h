#pragma once
// How the layers make and name their parameters.
#include <functional>
#include <string>

#include "layers/linear.h"

namespace zebra {

// What a parameter is to the model; how it is stored, initialised and stepped follows.
enum class Role {
  embedding,  // [V, D]
  head,       // [V, D], where it is not the embedding
  norm,       // weights of a norm, near 1
  matrix,     // of a projection [out, in]
  bias,
  filter,  // of a short convolution, its bias too
  decay,   // of a recurrence, as the logarithm of a rate (A_log)
  step,    // of a recurrence, before softplus (dt_bias)
  skip,    // of a recurrence, past it (D)
};

struct Parameter {
  std::string name;  // as checkpoints have it
  Role role = Role::matrix;
  operator const std::string&() const { return name; }  // for visitors that only ask for the name
};

// Called once for every parameter; may replace the tensor (loading, casting, moving). Its shape and dtype are known
// before its values: layers are built with uninitialised memory.
using ParameterVisitor = std::function<void(const Parameter& parameter, at::Tensor& value)>;

// Norms and what steers a recurrence stay in fp32 when the rest of a model is bf16 or fp16: they are small, and
// rounding them moves every token.
bool keeps_fp32(Role role);
at::ScalarType parameter_dtype(Role role, at::ScalarType model);

Linear make_linear(int64_t in, int64_t out, bool bias, at::TensorOptions options);
// A vector that keeps_fp32().
at::Tensor make_fp32_vector(int64_t size, at::TensorOptions options);

void visit_linear(const std::string& name, Linear& linear, const ParameterVisitor& visit);

}  // namespace zebra
