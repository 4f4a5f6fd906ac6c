#pragma once
// `zebra bench WHAT`: measurements that compare; each is a subcommand in a file of its own.
#include <CLI/CLI.hpp>

namespace zebra::cli {

void add_bench_init(CLI::App& bench);

}  // namespace zebra::cli
