#pragma once
// How the layers make and name their parameters.
#include <functional>
#include <string>
#include <string_view>

#include "layers/linear.h"

namespace zebra {

// Called once for every parameter with its checkpoint name; may replace the tensor (loading, casting, moving).
// A parameter's shape and dtype are known before its values: layers are built with uninitialised memory.
using ParameterVisitor = std::function<void(const std::string& name, at::Tensor& value)>;

// Norm weights and the recurrence's A_log, D and dt_bias stay in fp32 when the rest of a model is bf16 or fp16: they
// are small, and rounding them moves every token.
bool keeps_fp32(std::string_view name);
at::ScalarType parameter_dtype(std::string_view name, at::ScalarType model);

Linear make_linear(int64_t in, int64_t out, bool bias, at::TensorOptions options);
// A vector that keeps_fp32().
at::Tensor make_fp32_vector(int64_t size, at::TensorOptions options);

void visit_linear(const std::string& name, Linear& linear, const ParameterVisitor& visit);

}  // namespace zebra
