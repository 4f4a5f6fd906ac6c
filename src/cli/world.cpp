// zebra world: documents of the generated world as JSON lines.
#include <fstream>
#include <map>
#include <memory>

#include "base/error.h"
#include "cli/verbs.h"
#include "data/world/tasks.h"
#include "data/world/world.h"
#include "io/json.h"

namespace zebra::cli {

namespace {

struct Options {
  std::string out, kind = "text", split = "train";
  uint64_t documents = 0, seed = 0;
  size_t words = 400;
  bool overwrite = false;
};

void write_lines(const fs::path& path, const std::string& kind, const Options& options) {
  static const std::map<std::string, WorldSplit> splits = {
      {"train", WorldSplit::train}, {"valid", WorldSplit::valid}, {"test", WorldSplit::test}};
  const fs::path temporary = path.string() + ".tmp";
  std::ofstream file(temporary, std::ios::binary);
  for (uint64_t i = 0; i < options.documents && file; ++i) {
    file << world_line(kind, options.seed, splits.at(options.split), i, options.words).dump() << '\n';
  }
  file.close();
  if (!file) {
    std::error_code ignored;
    fs::remove(temporary, ignored);
    fail(ErrorKind::disk, path, ": writing failed; check the folder and the free space");
  }
  sync_file(temporary);
  fs::rename(temporary, path);
}

void run(const Options& options) {
  if (options.kind == "tasks") {
    OutputFolder out(options.out, options.overwrite);
    for (const auto& task : world::task_names()) write_lines(out.path() / (task + ".jsonl"), task, options);
    out.commit();
    return;
  }
  if (fs::exists(options.out) && !options.overwrite) {
    fail_usage(options.out, " exists: choose another --out or pass --overwrite");
  }
  write_lines(options.out, options.kind, options);
}

}  // namespace

void add_world(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("world", "a generated world as JSON lines, to train and measure small models on");
  verb->add_option("--out", options->out, "file to write (.jsonl); for tasks a folder")->required();
  verb->add_option("--documents", options->documents, "how many (of each task)")->required();
  auto kinds = world_kinds();
  kinds.push_back("tasks");
  verb->add_option("--kind", options->kind,
                   "text = stories, facts, skills and recall; exams = tasks as text; chat and preferences for align; "
                   "tasks = the nine tasks for eval")
      ->check(CLI::IsMember(kinds))
      ->capture_default_str();
  verb->add_option("--words", options->words, "recall: length of a document")
      ->check(CLI::Range(20, 1000000))
      ->capture_default_str();
  verb->add_option("--seed", options->seed, "other seeds give other documents about the same facts");
  verb->add_option("--split", options->split, "no document is in two splits")
      ->check(CLI::IsMember({"train", "valid", "test"}));
  verb->add_flag("--overwrite", options->overwrite, "replace --out if it exists");
  verb->callback([options] { run(*options); });
}

}  // namespace zebra::cli
