#include "io/tensor_view.h"

#include <algorithm>
#include <array>

namespace zebra {

namespace {

struct DtypeRow {
  Dtype dtype;
  size_t size;
  const char* name;
};

constexpr std::array<DtypeRow, 10> kDtypes{{{Dtype::f64, 8, "F64"},
                                            {Dtype::f32, 4, "F32"},
                                            {Dtype::f16, 2, "F16"},
                                            {Dtype::bf16, 2, "BF16"},
                                            {Dtype::i64, 8, "I64"},
                                            {Dtype::i32, 4, "I32"},
                                            {Dtype::i16, 2, "I16"},
                                            {Dtype::i8, 1, "I8"},
                                            {Dtype::u8, 1, "U8"},
                                            {Dtype::boolean, 1, "BOOL"}}};

const DtypeRow& row(Dtype dtype) {
  return *std::find_if(kDtypes.begin(), kDtypes.end(), [&](const DtypeRow& r) { return r.dtype == dtype; });
}

}  // namespace

size_t dtype_size(Dtype dtype) {
  return row(dtype).size;
}

const char* dtype_name(Dtype dtype) {
  return row(dtype).name;
}

std::optional<Dtype> dtype_from_name(std::string_view name) {
  for (const auto& r : kDtypes) {
    if (name == r.name) return r.dtype;
  }
  return std::nullopt;
}

std::string dtype_names() {
  std::string out;
  for (const auto& r : kDtypes) out += (out.empty() ? "" : ", ") + std::string(r.name);
  return out;
}

std::optional<size_t> tensor_bytes(Dtype dtype, const std::vector<int64_t>& shape) {
  int64_t bytes = static_cast<int64_t>(dtype_size(dtype));
  // Every factor is multiplied, also after a zero, so that no reader can overflow in another order.
  int64_t nonzero = bytes;
  for (const int64_t dim : shape) {
    if (dim < 0) return std::nullopt;
    if (dim > 0 && __builtin_mul_overflow(nonzero, dim, &nonzero)) return std::nullopt;
    bytes = dim == 0 ? 0 : bytes;
  }
  return static_cast<size_t>(bytes == 0 ? 0 : nonzero);
}

}  // namespace zebra
