#pragma once
// zebra eval --tasks: the flags and the run.
#include <CLI/CLI.hpp>
#include <string>

#include "cli/model_flags.h"

namespace zebra::cli {

struct TaskOptions {
  std::string tasks, data_folder = "data", output, softmax = "fp32", system;
  int64_t shots = -1, bootstrap = 100000, max_gen_tokens = 0;
  uint64_t seed = 1234;
  bool log_samples = false, chat = false;
  int turns = 0;  // of examples under a chat template: above 0 yes, below no, 0 = as the harness, which makes turns

  void add_to(CLI::App& verb);
};

// Prints the table, or with `json` the results; `limit` documents a task, 0 = all; contexts of `max_length`, 0 = the
// model's.
void run_tasks(const std::string& folder, const TaskOptions& options, const ModelOptions& how, int64_t limit,
               int64_t max_length, bool json);

}  // namespace zebra::cli
