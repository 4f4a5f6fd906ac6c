#include "model/model_options.h"

#include <ATen/Parallel.h>

#include "base/error.h"
#include "model/checkpoint.h"

namespace zebra {

std::string ModelOptions::dtype_of(const fs::path& model) const {
  if (dtype != "auto") return dtype;
  return read_config(model).dtype == "bfloat16" ? "bf16" : "fp32";
}

at::TensorOptions ModelOptions::apply(const fs::path& model) const {
  if (threads > 0) at::set_num_threads(threads);
  if (device == "cuda" && !at::hasCUDA()) {
    fail_usage("--device cuda: no CUDA device or no CUDA build of torch here: use --device cpu");
  }
  return at::TensorOptions().dtype(dtype_of(model) == "bf16" ? at::kBFloat16 : at::kFloat).device(at::Device(device));
}

}  // namespace zebra
