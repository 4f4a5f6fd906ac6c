#pragma once
// --dtype, --device and --threads of verbs that run a model.
#include <CLI/CLI.hpp>

#include "model/model_options.h"

namespace zebra::cli {

void add_model_flags(CLI::App& verb, ModelOptions& options);

}  // namespace zebra::cli
