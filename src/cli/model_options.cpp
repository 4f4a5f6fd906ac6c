#include "cli/model_options.h"

#include <ATen/Parallel.h>

#include "base/error.h"
#include "base/machine.h"

namespace zebra::cli {

void ModelOptions::add_to(CLI::App& verb) {
  verb.add_option("--dtype", dtype, "arithmetic of the model")
      ->check(CLI::IsMember({"fp32", "bf16"}))
      ->capture_default_str();
  verb.add_option("--device", device, "where it runs")->check(CLI::IsMember({"cpu", "cuda"}))->capture_default_str();
  verb.add_option("--threads", threads, "processor threads (0: all cores)")
      ->check(CLI::Range(int64_t{0}, kMostThreads))
      ->capture_default_str();
}

at::TensorOptions ModelOptions::apply() const {
  if (threads > 0) at::set_num_threads(threads);
  if (device == "cuda" && !at::hasCUDA()) {
    fail_usage("--device cuda: no CUDA device or no CUDA build of torch here: use --device cpu");
  }
  return at::TensorOptions().dtype(dtype == "bf16" ? at::kBFloat16 : at::kFloat).device(at::Device(device));
}

}  // namespace zebra::cli
