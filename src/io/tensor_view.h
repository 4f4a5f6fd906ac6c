#pragma once
// A named tensor's bytes as they lie in a file; torch-free.
#include <cstdint>
#include <string>
#include <vector>

namespace zebra {

enum class Dtype { f64, f32, f16, bf16, i64, i32, i16, i8, u8, boolean };

size_t dtype_size(Dtype dtype);
const char* dtype_name(Dtype dtype);  // the safetensors spelling: "F32", "BF16", "BOOL" ...

struct TensorView {
  Dtype dtype = Dtype::f32;
  std::vector<int64_t> shape;
  const unsigned char* data = nullptr;  // little-endian, row-major, not necessarily aligned
  size_t bytes = 0;
};

}  // namespace zebra
