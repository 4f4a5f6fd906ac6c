#include "cli/model_flags.h"

#include "base/machine.h"
#include "cli/ranges.h"
#include "model/model_words.h"

namespace zebra::cli {

void add_model_flags(CLI::App& verb, ModelOptions& options) {
  verb.add_option("--dtype", options.dtype, "arithmetic of the model: fp32, bf16, or auto = as its weights are stored")
      ->transform(CLI::Validator([](std::string& text) { return text = dtype_word(text), std::string(); }, ""))
      ->capture_default_str();
  verb.add_option("--device", options.device, "where it runs: cpu, cuda, or auto = cuda where there is one")
      ->transform(CLI::Validator([](std::string& text) { return text = device_word(text), std::string(); }, ""))
      ->capture_default_str();
  verb.add_option("--threads", options.threads, "processor threads (0: all cores)")
      ->check(between(0, kMostThreads))
      ->capture_default_str();
}

}  // namespace zebra::cli
