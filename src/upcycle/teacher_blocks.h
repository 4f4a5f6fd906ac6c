#pragma once
// The teacher's layers one at a time, read from its files when asked for.
#include "model/checkpoint.h"
#include "model/names.h"

namespace zebra {

class TeacherBlocks {
 public:
  TeacherBlocks(const WeightSource& source, const ModelConfig& teacher, at::Device device);
  Block& load(int64_t layer);  // float32 on the device
  void drop(int64_t layer);
  Block& operator[](int64_t layer) { return shapes_.blocks()[static_cast<size_t>(layer)]; }

 private:
  const WeightSource& source_;
  at::TensorOptions options_;
  Model shapes_;  // one block at a time holds values
};

}  // namespace zebra
