// zebra world: documents of the generated world as JSON lines.
#include <algorithm>
#include <fstream>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <thread>

#include "base/error.h"
#include "base/text.h"
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
  const fs::path temporary = options.out + ".tmp";
  std::ofstream file(temporary, std::ios::binary);
  for (uint64_t i = 0; i < options.documents && file;) {
    std::vector<std::future<std::string>> blocks;
    for (; blocks.size() < threads && i < options.documents; i += std::min(kBlock, options.documents - i)) {
      blocks.push_back(
          std::async(std::launch::async, lines_of, std::cref(options), i, i + std::min(kBlock, options.documents - i)));
    }
    for (auto& block : blocks) file << block.get();
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

using TaskFiles = std::map<std::string, std::vector<std::string>>;  // lines by name

// Documents of MMLU are of one subject or another, a file each. A subject that is tested gets examples, as many as the
// data set has, and one of which there are only examples is left out: it could not be evaluated.
void complete_subjects(TaskFiles& files, const std::function<void(uint64_t)>& add_example, uint64_t index) {
  constexpr size_t kExamples = 5;
  const auto with = [](const std::string& file, const char* name) {
    return (fs::path(file).parent_path() / name).string();
  };
  const auto lacks_examples = [&](const auto& entry) {
    return entry.first.starts_with("mmlu_") && entry.first.ends_with("test.jsonl") &&
           files[with(entry.first, "dev.jsonl")].size() < kExamples;
  };
  while (std::any_of(files.begin(), files.end(), lacks_examples)) add_example(index++);
  std::erase_if(files, [&](const auto& entry) {
    return entry.first.starts_with("mmlu_") && !files.contains(with(entry.first, "test.jsonl"));
  });
}

// What `zebra eval --tasks` reads: documents for testing, and examples of the split for validation.
void write_tasks(const Options& options) {
  TaskFiles files;
  const auto add = [&](const std::string& kind, const std::string& file, WorldSplit split, uint64_t i) {
    const Json row = world_line(kind, options.seed, split, i, options.words);
    files[file.empty() ? world::task_file(kind, row, split == WorldSplit::valid) : file].push_back(row.dump());
  };
  if (!options.split.empty() && options.split != "test") {
    fail_usage("--split ", options.split, ": tasks are of the split test, their examples of valid; leave it out");
  }
  const uint64_t examples = std::max<uint64_t>(50, options.documents / 10);
  for (const auto& task : world::task_names()) {
    for (uint64_t i = 0; i < options.documents; ++i) add(task, "", WorldSplit::test, i);
    for (uint64_t i = 0; i < examples; ++i) add(task, "", WorldSplit::valid, i);
  }
  complete_subjects(files, [&](uint64_t i) { add("mmlu", "", WorldSplit::valid, i); }, examples);
  // A model that reads the words before it knows the last one: LAMBADA's form.
  for (uint64_t i = 0; i < options.documents; ++i) add("recall", "lambada_openai/test.jsonl", WorldSplit::test, i);
  OutputFolder out(options.out, options.overwrite);
  for (const auto& [file, lines] : files) {
    fs::create_directories((out.path() / file).parent_path());
    write_file(out.path() / file, join(lines, "\n") + "\n");
  }
  out.commit();
}

void run(const Options& options) {
  if (options.kind == "tasks") return write_tasks(options);
  if (fs::exists(options.out) && !options.overwrite) {
    fail_usage(options.out, " exists: choose another --out or pass --overwrite");
  }
  write_lines(options);
}

}  // namespace

void add_world(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("world", "a generated world as JSON lines, to train and measure small models on");
  verb->group("");  // rarely wanted: it does not take a line of the first help screen
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
      ->check(CLI::Range(20, 1000000))
      ->capture_default_str();
  verb->add_option("--seed", options->seed, "other seeds give other documents about the same facts");
  verb->add_option("--split", options->split, "no document is in two splits (default: train; tasks: test)")
      ->check(CLI::IsMember({"train", "valid", "test"}));
  verb->add_flag("--overwrite", options->overwrite, "replace --out if it exists");
  verb->callback([options] { run(*options); });
}

}  // namespace zebra::cli
