// zebra world: documents of the generated world as JSON lines.
#include <algorithm>
#include <future>
#include <map>
#include <memory>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/output.h"
#include "cli/ranges.h"
#include "cli/verbs.h"
#include "data/world/tasks.h"
#include "data/world/world.h"
#include "io/json.h"

namespace zebra::cli {

namespace {

struct Options {
  std::string out, kind = "text", split;
  uint64_t documents = 0, seed = 0;
  size_t words = 400;
  bool overwrite = false;
};

const std::map<std::string, WorldSplit> kSplits = {
    {"train", WorldSplit::train}, {"valid", WorldSplit::valid}, {"test", WorldSplit::test}};

std::string lines_of(const Options& options, uint64_t begin, uint64_t end) {
  std::string lines;
  const WorldSplit split = kSplits.at(options.split.empty() ? "train" : options.split);
  for (uint64_t i = begin; i < end; ++i) {
    lines += world_line(options.kind, options.seed, split, i, options.words).dump() + "\n";
  }
  return lines;
}

void write_lines(const Options& options) {
  constexpr uint64_t kBlock = 1024;  // documents that a thread makes at once
  const uint64_t threads = std::max(1U, std::thread::hardware_concurrency());
  OutputFile out(options.out, options.overwrite);
  for (uint64_t i = 0; i < options.documents;) {
    std::vector<std::future<std::string>> blocks;
    while (blocks.size() < threads && i < options.documents) {
      const uint64_t begin = i;
      i += std::min(kBlock, options.documents - i);
      blocks.push_back(std::async(std::launch::async, lines_of, std::cref(options), begin, i));
    }
    for (auto& block : blocks) out.write(block.get());
  }
  out.commit();
}

using TaskFiles = std::map<std::string, std::string>;  // lines by "TASK/SPLIT.jsonl"

// Whether a subject of mmlu that is tested has fewer examples than a prompt takes: they are of the subject alone.
bool lacks_examples(const TaskFiles& files) {
  constexpr std::ptrdiff_t kExamples = 5;
  for (const auto& [file, lines] : files) {
    if (!file.starts_with("mmlu_") || !file.ends_with("/test.jsonl")) continue;
    const auto examples = files.find(file.substr(0, file.find('/')) + "/dev.jsonl");
    if (examples == files.end() || std::count(examples->second.begin(), examples->second.end(), '\n') < kExamples) {
      return true;
    }
  }
  return false;
}

// What `zebra eval --tasks` reads: documents for testing, and examples of the split for validation.
void write_tasks(const Options& options) {
  TaskFiles files;
  const auto add = [&](const std::string& kind, const std::string& file, WorldSplit split, uint64_t i) {
    const Json row = world_line(kind, options.seed, split, i, options.words);
    files[file.empty() ? world::task_file(kind, row, split == WorldSplit::valid) : file] += row.dump() + "\n";
  };
  if (!options.split.empty() && options.split != "test") {
    fail_usage("--split ", options.split, ": tasks are of the split test, their examples of valid; leave it out");
  }
  const uint64_t examples = std::max<uint64_t>(50, options.documents / 10);
  for (uint64_t i = 0; i < std::max(options.documents, examples); ++i) {
    for (const auto& task : world::task_names()) {
      if (i < options.documents) add(task, "", WorldSplit::test, i);
      if (i < examples) add(task, "", WorldSplit::valid, i);
    }
    if (i < options.documents) add("recall", cat(world::kRecallTask, "/test.jsonl"), WorldSplit::test, i);
  }
  for (uint64_t i = examples; lacks_examples(files); ++i) add("mmlu", "", WorldSplit::valid, i);
  std::erase_if(files, [&](const auto& file) {  // subjects that nothing is asked about
    return file.first.ends_with("/dev.jsonl") &&
           !files.contains(file.first.substr(0, file.first.find('/')) + "/test.jsonl");
  });
  OutputFolder out(options.out, options.overwrite);
  for (const auto& [file, lines] : files) {
    fs::create_directories((out.path() / file).parent_path());
    write_file(out.path() / file, lines);
  }
  out.commit();
}

void run(const Options& options) {
  if (options.kind == "tasks") return write_tasks(options);
  write_lines(options);
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
                   "tasks = nine tasks, and recall as lambada_openai, for eval --tasks")
      ->check(CLI::IsMember(kinds))
      ->capture_default_str();
  verb->add_option("--words", options->words, "recall: length of a document")
      ->check(between(20, 1000000))
      ->capture_default_str();
  verb->add_option("--seed", options->seed, "other seeds give other documents about the same facts");
  verb->add_option("--split", options->split, "no document is in two splits (default: train; tasks: test)")
      ->check(CLI::IsMember({"train", "valid", "test"}));
  verb->add_flag("--overwrite", options->overwrite, "replace --out if it exists");
  verb->callback([options] { run(*options); });
}

}  // namespace zebra::cli
