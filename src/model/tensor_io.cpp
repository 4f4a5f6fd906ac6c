#include "model/tensor_io.h"

#include <array>
#include <cstring>

#include "base/error.h"

namespace zebra {

namespace {

struct TypeRow {
  Dtype stored;
  at::ScalarType type;
  const char* name;
};

constexpr std::array<TypeRow, 10> kTypes{{{Dtype::f64, at::kDouble, "float64"},
                                          {Dtype::f32, at::kFloat, "float32"},
                                          {Dtype::f16, at::kHalf, "float16"},
                                          {Dtype::bf16, at::kBFloat16, "bfloat16"},
                                          {Dtype::i64, at::kLong, "int64"},
                                          {Dtype::i32, at::kInt, "int32"},
                                          {Dtype::i16, at::kShort, "int16"},
                                          {Dtype::i8, at::kChar, "int8"},
                                          {Dtype::u8, at::kByte, "uint8"},
                                          {Dtype::boolean, at::kBool, "bool"}}};

}  // namespace

at::ScalarType scalar_type(Dtype dtype) {
  for (const auto& row : kTypes) {
    if (row.stored == dtype) return row.type;
  }
  fail(ErrorKind::runtime, "dtype ", dtype_name(dtype), " has no tensor type");
}

Dtype stored_dtype(at::ScalarType type) {
  for (const auto& row : kTypes) {
    if (row.type == type) return row.stored;
  }
  fail(ErrorKind::runtime, "tensors of type ", at::toString(type), " cannot be stored");
}

at::ScalarType scalar_type_named(const std::string& name) {
  for (const auto& row : kTypes) {
    if (name == row.name) return row.type;
  }
  fail_input("dtype: expected float32, bfloat16 or float16, found \"", name, "\"");
}

std::string scalar_type_name(at::ScalarType type) {
  for (const auto& row : kTypes) {
    if (row.type == type) return row.name;
  }
  return at::toString(type);
}

at::Tensor copy_of(const TensorView& view) {
  at::Tensor tensor = at::empty(view.shape, scalar_type(view.dtype));
  if (view.bytes > 0) std::memcpy(tensor.mutable_data_ptr(), view.data, view.bytes);
  return tensor;
}

}  // namespace zebra
