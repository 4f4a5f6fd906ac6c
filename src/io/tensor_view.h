#pragma once
// A named tensor's bytes as they lie in a file; torch-free.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace zebra {

enum class Dtype { f64, f32, f16, bf16, i64, i32, i16, i8, u8, boolean };

size_t dtype_size(Dtype dtype);
const char* dtype_name(Dtype dtype);  // the safetensors spelling: "F32", "BF16", "BOOL" ...
std::optional<Dtype> dtype_from_name(std::string_view name);
std::string dtype_names();  // all of them, for error messages

// Bytes of a whole tensor; nothing if a dimension is negative or the product does not fit into 63 bits.
std::optional<size_t> tensor_bytes(Dtype dtype, const std::vector<int64_t>& shape);

struct TensorView {
  Dtype dtype = Dtype::f32;
  std::vector<int64_t> shape;
  const unsigned char* data = nullptr;  // little-endian, row-major, not necessarily aligned
  size_t bytes = 0;
};

}  // namespace zebra
