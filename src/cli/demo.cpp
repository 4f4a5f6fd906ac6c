// zebra demo: the whole pipeline on a small teacher, on the CPU. It runs the same commands that a person would, and
// prints each, so that every line can be repeated and changed.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>
#include <memory>
#include <set>

#include "base/child.h"
#include "base/command.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "base/text_table.h"
#include "cli/ranges.h"
#include "cli/verbs.h"
#include "data/documents.h"
#include "data/world/tasks.h"
#include "data/world/world.h"
#include "eval/task_results.h"
#include "io/json.h"
#include "version/version.h"

namespace zebra::cli {

namespace {

// Where in the depth the layers are that keep a cache: 0 is the first layer, 1 the last.
constexpr double kCachePlaces[] = {0.6};
constexpr double kCachePart = 0.05;     // of the teacher's cache, at most
constexpr double kKnown = 0.6;          // part of the world's facts that a teacher of the world knows; 0.25 is guessing
constexpr int64_t kQuestions = 40;      // of each task
constexpr int64_t kWorldLength = 1024;  // tokens in a row: what is recalled was told hundreds of tokens before

struct Options {
  std::string out, teacher, text, prompt, tasks = "auto";
  int64_t tokens = 0;
  bool overwrite = false;
};

struct Row {
  std::string name, folder, sample;
  int64_t context = 0;  // the model's own length, at which `whole` counts the states too
  double cache = 0, percent = 0, whole = 0, ppl = 0, kl = 0, agreement = 0, rate = 0;
  double average = 0, recall = 0;  // of the tasks
};

// Says where in the whole the demo is.
class Steps {
 public:
  explicit Steps(int all) : all_(all) {}
  void begin(const std::string& what) {
    const auto part = static_cast<size_t>(now_++ * kWidth / all_);
    std::printf("\n[%s%s] step %d of %d: %s\n", std::string(part, '#').c_str(), std::string(kWidth - part, '.').c_str(),
                now_, all_, what.c_str());
    std::fflush(stdout);
  }

 private:
  static constexpr int kWidth = 20;
  int all_, now_ = 0;  // now_: begun
};

std::string run(const std::vector<std::string>& arguments) {
  std::printf("\n$ %s\n", command_line(arguments).c_str());
  std::fflush(stdout);
  return run_verb(arguments);
}

Json ask(std::vector<std::string> arguments) {
  arguments.push_back("--json");
  const std::string answer = run_verb(arguments);
  return parse_json(answer, command_line(arguments));
}

// MLA where the cache is kept, so large that the whole is within its part of the teacher's; Mamba2 elsewhere.
std::vector<std::string> hybrid_flags(const Json& teacher) {
  const auto& layers = teacher["layers"];
  const auto& first = layers.at(0);
  if (first["kind"] != "attention") fail_input("the demo's teacher: expected attention layers, found ", first["kind"]);
  const auto depth = std::ssize(layers);
  std::set<int64_t> mla;
  for (const double place : kCachePlaces) mla.insert(std::llround(place * static_cast<double>(depth - 1)));
  const int64_t head = first["head_dim"].get<int64_t>(), width = 2 * head * first["kv_heads"].get<int64_t>();
  const auto most = static_cast<int64_t>(kCachePart * static_cast<double>(width * depth)) / std::ssize(mla);
  const int64_t cached = most / 2 * 2;
  const int64_t rope = std::max<int64_t>(2, std::min(head / 4, cached / 4) / 2 * 2);
  return {"--mla-layers", list_text({mla.begin(), mla.end()}),
          "--rest",       "mamba2",
          "--kv-rank",    std::to_string(std::max<int64_t>(1, cached - rope)),
          "--rope-dim",   std::to_string(rope)};
}

// About ten words: of the first document of a file, or of a story that no teacher has read.
std::string first_words(const std::string& file) {
  std::string text;
  if (file.empty()) {
    text = world_line("stories", 0, WorldSplit::test, 0, 0)["text"];
  } else {
    read_documents(file, [&](const std::string& first) {
      text = first;
      return false;
    });
  }
  const auto words = split(text, ' ');
  return join({words.begin(), words.begin() + std::min<ptrdiff_t>(10, std::ssize(words))}, " ");
}

void measure(Row& row, const Options& options) {
  const Json inspected = ask({"inspect", row.folder});
  row.cache = inspected["cache_bytes_per_token"];
  row.percent = inspected["kv_percent"];
  row.whole = inspected["contexts"].back()["kv_percent"];
  row.context = inspected["contexts"].back()["tokens"];
  const Json scores = parse_json(
      run({"eval", row.folder, "--text", options.text, "--teacher", options.teacher, "--json"}), "zebra eval");
  row.ppl = scores["ppl"], row.kl = scores["kl"], row.agreement = scores["agreement"];
}

void score_tasks(Row& row, const std::string& data) {
  const std::vector<std::string>& tasks = world::task_names();
  const std::string names = cat(join(tasks, ","), ",", world::kRecallTask);
  const Json scores =
      parse_json(run({"eval", row.folder, "--tasks", names, "--data-dir", data, "--json"}), "zebra eval")["results"];
  for (const std::string& task : tasks) row.average += scores[task][score_key(scores[task])].get<double>();
  row.average /= static_cast<double>(tasks.size());
  row.recall = scores[world::kRecallTask]["acc,none"];
}

void write_sample(Row& row, const Options& options) {
  const Json made = ask({"generate", row.folder, "--prompt", options.prompt, "--max-tokens", "64"});
  row.sample = made["text"];
  row.rate = made["tokens_per_second"];
}

std::string table(const std::vector<Row>& rows, bool with_tasks) {
  std::vector<Cells> lines;
  const auto add = [&](const std::string& title, const std::function<std::string(const Row&)>& cell) {
    lines.push_back({title});
    for (const Row& row : rows) lines.back().push_back(padded(cell(row), 10));
  };
  add("", [](const Row& r) { return r.name; });
  add("cache bytes per token", [](const Row& r) { return fixed(r.cache, 0); });
  add("KV cache, %", [](const Row& r) { return fixed(r.percent, 1); });
  add(cat("with states at ", rows.front().context, " tokens, %"), [](const Row& r) { return fixed(r.whole, 1); });
  add("perplexity", [](const Row& r) { return fixed(r.ppl, 3); });
  add("KL to the teacher, nats", [](const Row& r) { return fixed(r.kl, 4); });
  add("same first choice, %", [](const Row& r) { return fixed(100 * r.agreement, 1); });
  if (with_tasks) {
    add("nine tasks, average, %", [](const Row& r) { return fixed(100 * r.average, 1); });
    add("recall, %", [](const Row& r) { return fixed(100 * r.recall, 1); });
  }
  add("decoding, tokens/s", [](const Row& r) { return fixed(r.rate, 0); });
  return text_table(lines, {0});
}

class Demo {
 public:
  explicit Demo(Options options) : options_(std::move(options)) {
    const bool own_out = options_.out.empty();
    if (own_out) options_.out = "out/demo";
    if (options_.teacher.empty()) options_.teacher = default_teacher();
    replace_ = fs::exists(options_.out);
    if (replace_ && !own_out && !options_.overwrite)
      fail_usage(options_.out, " exists: choose another --out or pass --overwrite");
  }

  void run_all() {
    teacher_ = ask({"inspect", options_.teacher});
    std::printf("The teacher %s has %lld parameters in %zu attention layers.\n", options_.teacher.c_str(),
                teacher_["parameters"].get<long long>(), teacher_["layers"].size());
    fs::create_directories(options_.out);
    rows_ = {{"teacher", options_.teacher, ""},
             {"converted", options_.out + "/converted", ""},
             {"distilled", options_.out + "/distilled", ""}};
    world_ = options_.tasks == "auto" ? knows_the_world() : options_.tasks == "true";
    Steps steps(world_ ? 7 : 5);
    steps.begin(world_ ? "text and questions to measure on" : "text to measure on");
    write_texts();
    steps.begin("conversion: attention becomes MLA and Mamba2, without training");
    std::vector<std::string> convert = {"convert", options_.teacher, "--out", rows_[1].folder};
    for (const auto& flag : hybrid_flags(teacher_)) convert.push_back(flag);
    write(convert);
    if (world_) steps.begin("text to learn from: the world of the teacher, and none of the questions");
    const std::vector<std::string> data = distillation_data();
    steps.begin("distillation: the student learns what the teacher says of the next token");
    std::vector<std::string> distill = {"distill",       "--teacher", options_.teacher, "--student",
                                        rows_[1].folder, "--out",     rows_[2].folder};
    distill.insert(distill.end(), data.begin(), data.end());
    write(distill);
    steps.begin("perplexity, and distance to the teacher, on text that none of them has seen");
    for (Row& row : rows_) measure(row, options_);
    if (world_) {
      steps.begin("nine tasks, and recall of what was told far before");
      for (Row& row : rows_) score_tasks(row, tasks_folder());
    }
    steps.begin("what they write");
    for (Row& row : rows_) write_sample(row, options_);
    finish();
  }

 private:
  void write(std::vector<std::string> arguments) const {
    if (replace_) arguments.push_back("--overwrite");
    run(arguments);
  }
  std::string tasks_folder() const { return options_.out + "/tasks"; }

  // A teacher that read of the generated world knows its facts; the tasks ask for them.
  bool knows_the_world() {
    const std::string file = options_.out + "/facts/arc_easy/test.jsonl";
    fs::create_directories(fs::path(file).parent_path());
    run_verb({"world", "--kind", "arc_easy", "--split", "test", "--documents", "50", "--out", file, "--overwrite"});
    const Json scores =
        ask({"eval", options_.teacher, "--tasks", "arc_easy", "--data-dir", options_.out + "/facts"})["results"];
    const double known = scores["arc_easy"]["acc,none"];
    const bool knows = known >= kKnown;
    std::printf("It answers %.0f %% of questions about the facts of the generated world: tasks are %s.\n", 100 * known,
                knows ? "scored, too" : "left out");
    return knows;
  }

  void write_texts() {
    if (options_.prompt.empty()) options_.prompt = first_words(options_.text);
    if (options_.text.empty()) {
      options_.text = options_.out + (world_ ? "/test.jsonl" : "/stories.jsonl");
      write({"world", "--kind", world_ ? "text" : "stories", "--split", "test", "--documents", "200", "--out",
             options_.text});
    }
    if (world_) write({"world", "--kind", "tasks", "--documents", std::to_string(kQuestions), "--out", tasks_folder()});
  }

  std::vector<std::string> distillation_data() const {
    const std::string tokens = std::to_string(options_.tokens);
    if (!world_) return {"--data", "sample", "--tokens", tokens};
    // A document has 200 tokens or more.
    const std::string file = options_.out + "/train.jsonl", documents = std::to_string(options_.tokens / 200 + 1);
    write({"world", "--kind", "text", "--documents", documents, "--out", file});
    const int64_t length = std::min<int64_t>(kWorldLength, teacher_["max_position"].get<int64_t>());
    return {"--data", file, "--tokens", tokens, "--length", std::to_string(length)};
  }

  void finish() const {
    std::printf("\n%s\n%s ...\n", table(rows_, world_).c_str(), options_.prompt.c_str());
    for (const Row& row : rows_) std::printf("\n%s:%s\n", row.name.c_str(), row.sample.c_str());
    const std::string student = options_.out + "/distilled";
    const auto shown = [](const std::vector<std::string>& command) { return "  " + command_line(command); };
    const std::vector<Cells> next = {
        {shown({"generate", student, "--prompt", "your words", "--temperature", "0.8"}), "lets it write"},
        {shown({"inspect", student}), "shows its layers and their cache"},
        {"  a browser, " + student + "/report.html", "shows how it was trained"},
        {shown({"demo", "--teacher", options_.teacher, "--out", options_.out + "-longer", "--tokens",
                std::to_string(4 * options_.tokens)}),
         "trains four times as long"},
        {shown({"convert", "YOUR_LLAMA_FOLDER", "--out", "student", "--mla-layers", "1,3", "--rest", "mamba2"}),
         "begins with your own teacher"},
    };
    std::printf("\nWhat to do next:\n%sREADME.md goes on from there. All of this took %s.\n", text_table(next).c_str(),
                duration_text(std::chrono::duration<double>(Clock::now() - start_).count()).c_str());
  }

  using Clock = std::chrono::steady_clock;
  const Clock::time_point start_ = Clock::now();
  Options options_;
  bool replace_ = false, world_ = false;
  Json teacher_;
  std::vector<Row> rows_;
};

}  // namespace

void add_demo(CLI::App& app) {
  auto options = std::make_shared<Options>();
  options->tokens = 3 << 18;
  CLI::App* verb = app.add_subcommand("demo", "the whole pipeline on a small teacher, in minutes on a CPU");
  verb->add_option("--out", options->out, "folder for the models (default: out/demo, made anew each time)");
  verb->add_option("--teacher", options->teacher, "checkpoint folder (default: the one that comes with the project)");
  verb->add_option("--text", options->text, "documents to measure on (default: generated ones)");
  verb->add_option("--prompt", options->prompt, "for the samples of text (default: first words of --text, or a story)");
  verb->add_option("--tokens", options->tokens, "of distillation")->check(positive())->capture_default_str();
  verb->add_option("--tasks", options->tasks,
                   "whether tasks of the generated world are scored; auto: if the teacher knows it")
      ->check(CLI::IsMember({"auto", "true", "false"}))
      ->capture_default_str();
  verb->add_flag("--overwrite", options->overwrite, "replace --out if it exists");
  verb->callback([options] { Demo(*options).run_all(); });
}

}  // namespace zebra::cli
