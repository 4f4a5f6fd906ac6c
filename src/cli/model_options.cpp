#include "cli/model_options.h"

#include <ATen/Parallel.h>

#include "base/error.h"
#include "base/machine.h"
#include "cli/model_words.h"
#include "cli/ranges.h"
#include "model/checkpoint.h"

namespace zebra::cli {

void ModelOptions::add_to(CLI::App& verb) {
  verb.add_option("--dtype", dtype, "arithmetic of the model: fp32, bf16, or auto = as its weights are stored")
      ->transform(CLI::Validator([](std::string& text) { return text = dtype_word(text), std::string(); }, ""))
      ->capture_default_str();
  verb.add_option("--device", device, "where it runs: cpu, cuda, or auto = cuda where there is one")
      ->transform(CLI::Validator([](std::string& text) { return text = device_word(text), std::string(); }, ""))
      ->capture_default_str();
  verb.add_option("--threads", threads, "processor threads (0: all cores)")
      ->check(between(0, kMostThreads))
      ->capture_default_str();
}

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

}  // namespace zebra::cli
