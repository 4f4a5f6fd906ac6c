#pragma once
// The flags of verbs that read documents to evaluate on.
#include <CLI/CLI.hpp>

#include "eval/documents.h"

namespace zebra::cli {

void add_text_flags(CLI::App& verb, TextOptions& options);

}  // namespace zebra::cli
