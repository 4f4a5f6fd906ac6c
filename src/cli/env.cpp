// zebra env: what this build and this machine are, for bug reports and beside measured figures.
#include <ATen/Parallel.h>
#include <ATen/Version.h>

#include <cstdio>
#include <memory>

#include "base/error.h"
#include "base/machine.h"
#include "base/text.h"
#include "cli/verbs.h"
#include "io/json.h"
#include "version/version.h"

namespace zebra::cli {

namespace {

Json environment() {
  Json env;
  env["zebra"] = program_version();
  env["libtorch"] = torch_version();
  env["compiler"] = cat("g++ ", __VERSION__);
  env["processor"] = processor_name();
  env["instructions"] = at::get_cpu_capability();  // the newest set that torch's kernels use here
  env["cores"] = processor_cores();
  env["threads"] = at::get_num_threads();
  env["memory"] = bytes_text(memory_bytes());
  env["cuda_build"] = built_with_cuda();
  env["cuda_devices"] = at::hasCUDA() ? at::getNumGPUs() : 0;
  env["gpus"] = join(gpu_names(), ", ");
  return env;
}

}  // namespace

void add_env(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("env", "versions, processor, memory and GPUs");
  const auto json = std::make_shared<bool>(false);
  verb->add_flag("--json", *json, "one JSON object instead of a table");
  verb->callback([json] {
    const Json env = environment();
    if (*json) {
      std::printf("%s\n", env.dump().c_str());
      return;
    }
    for (const auto& [key, value] : env.items()) {
      std::printf("%-13s %s\n", key.c_str(),
                  value.is_string() ? value.get<std::string>().c_str() : value.dump().c_str());
    }
  });
}

}  // namespace zebra::cli
