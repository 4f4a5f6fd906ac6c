#pragma once
// Walks the pickle of a state dict: nothing is run, only the few globals that such a file needs are known, and every
// length is held against what is left of the record before anything is kept.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace zebra {

// A tensor as the pickle tells it: a view of a storage. Unchecked numbers.
struct PickledTensor {
  std::string name;
  std::string storage;       // the record's key
  std::string type;          // "FloatStorage", or a dtype's own name: "float8_e4m3fn"
  int64_t storage_size = 0;  // in elements; of an untyped storage in bytes
  bool untyped = false;
  int64_t offset = 0;                   // in elements
  std::vector<int64_t> shape, strides;  // elements
};

// The tensors of a dictionary that is pickled with protocol 2 to 5, in its order. `where` begins every error message.
std::vector<PickledTensor> read_state_dict(std::string_view pickle, const std::string& where);

}  // namespace zebra
