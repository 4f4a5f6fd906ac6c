// zebra bench: measurements that compare.
#include "cli/bench.h"

#include "cli/verbs.h"

namespace zebra::cli {

void add_bench(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("bench", "measurements that compare, row by row");
  verb->require_subcommand(1);
  add_bench_init(*verb);
}

}  // namespace zebra::cli
