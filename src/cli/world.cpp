// zebra world: the generated corpus as JSON lines.
#include <fstream>
#include <map>
#include <memory>

#include "base/error.h"
#include "cli/verbs.h"
#include "data/world.h"
#include "io/json.h"

namespace zebra::cli {

namespace {

struct Options {
  std::string out, split = "train";
  uint64_t documents = 0, seed = 0;
  bool overwrite = false;
};

void run(const Options& options) {
  static const std::map<std::string, WorldSplit> splits = {
      {"train", WorldSplit::train}, {"valid", WorldSplit::valid}, {"test", WorldSplit::test}};
  if (fs::exists(options.out) && !options.overwrite) {
    fail_usage(options.out, " exists: choose another --out or pass --overwrite");
  }
  const fs::path temporary = options.out + ".tmp";
  std::ofstream file(temporary, std::ios::binary);
  for (uint64_t i = 0; i < options.documents && file; ++i) {
    Json line;
    line["text"] = world_document(options.seed, splits.at(options.split), i);
    file << line.dump() << '\n';
  }
  file.close();
  if (!file) {
    std::error_code ignored;
    fs::remove(temporary, ignored);
    fail(ErrorKind::disk, options.out, ": writing failed; check the folder and the free space");
  }
  sync_file(temporary);
  fs::rename(temporary, options.out);
}

}  // namespace

void add_world(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("world", "generated stories as JSON lines, to pretrain a small model on");
  verb->add_option("--out", options->out, "file to write (.jsonl)")->required();
  verb->add_option("--documents", options->documents, "how many")->required();
  verb->add_option("--seed", options->seed, "other seeds give other stories");
  verb->add_option("--split", options->split, "no story is in two splits")
      ->check(CLI::IsMember({"train", "valid", "test"}));
  verb->add_flag("--overwrite", options->overwrite, "replace --out if it exists");
  verb->callback([options] { run(*options); });
}

}  // namespace zebra::cli
