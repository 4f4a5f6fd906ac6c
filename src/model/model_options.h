#pragma once
// Dtype, device and threads: how a verb loads and runs a model.
#include <ATen/ATen.h>

#include <string>

#include "base/file.h"

namespace zebra {

struct ModelOptions {
  std::string dtype = "fp32", device = "cpu";
  int threads = 0;  // 0 = torch's own choice

  // Applies the threads and checks that the device is there; `model` says what the dtype auto is.
  at::TensorOptions apply(const fs::path& model) const;
  std::string dtype_of(const fs::path& model) const;  // "fp32" or "bf16"
};

}  // namespace zebra
