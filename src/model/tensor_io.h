#pragma once
// Between tensors in files and tensors in memory.
#include <ATen/ATen.h>

#include <string>

#include "io/tensor_view.h"

namespace zebra {

at::ScalarType scalar_type(Dtype dtype);
Dtype stored_dtype(at::ScalarType type);  // Error(runtime) for types that files cannot hold

at::ScalarType scalar_type_named(const std::string& name);  // "float32", "bfloat16", "float16"
std::string scalar_type_name(at::ScalarType type);          // "float32", "int64" ...

at::Tensor copy_of(const TensorView& view);

}  // namespace zebra
