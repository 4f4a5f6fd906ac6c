#pragma once
// --dtype, --device and --threads: how a verb loads and runs a model.
#include <ATen/ATen.h>

#include <CLI/CLI.hpp>
#include <string>

namespace zebra::cli {

struct ModelOptions {
  std::string dtype = "fp32", device = "cpu";
  int threads = 0;  // 0 = torch's own choice

  void add_to(CLI::App& verb);
  // Applies --threads and checks that the device is there.
  at::TensorOptions apply() const;
};

}  // namespace zebra::cli
