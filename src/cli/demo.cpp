// zebra demo: the whole pipeline on a small teacher, on the CPU. It runs the same commands that a person would, and
// prints each, so that every line can be repeated and changed.
#include <algorithm>
#include <cstdio>
#include <functional>
#include <memory>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/child.h"
#include "cli/verbs.h"
#include "cli/version.h"
#include "data/documents.h"
#include "io/json.h"

namespace zebra::cli {

namespace {

struct Options {
  std::string out, teacher, text, prompt;
  int64_t tokens = 0;
  bool overwrite = false;
};

struct Row {
  std::string name, folder, sample;
  double cache = 0, percent = 0, ppl = 0, kl = 0, agreement = 0, rate = 0;
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

// Half of the layers become MLA, so large that the whole keeps an eighth of the teacher's cache; the others Mamba2.
std::vector<std::string> hybrid_flags(const Json& teacher) {
  const auto& layers = teacher["layers"];
  const auto& first = layers.at(0);
  if (first["kind"] != "attention") fail_input("the demo's teacher: expected attention layers, found ", first["kind"]);
  std::vector<std::string> mla;
  for (size_t i = 1; i < layers.size(); i += 2) mla.push_back(std::to_string(i));
  if (mla.empty()) fail_input("the demo's teacher: expected two layers or more, found ", layers.size());
  const int64_t head = first["head_dim"].get<int64_t>(), width = 2 * head * first["kv_heads"].get<int64_t>();
  const int64_t rope = std::max<int64_t>(2, head / 4 * 2);
  const int64_t cached = width * static_cast<int64_t>(layers.size()) / 8 / static_cast<int64_t>(mla.size());
  return {"--mla-layers", join(mla, ","),      "--rest",
          "mamba2",       "--kv-rank",         std::to_string(std::max<int64_t>(2, cached - rope)),
          "--rope-dim",   std::to_string(rope)};
}

// The beginning of the first document: about ten words.
std::string first_words(const std::string& file) {
  std::string out;
  read_documents(file, [&](const std::string& text) {
    const auto words = split(text, ' ');
    out = join({words.begin(), words.begin() + std::min<ptrdiff_t>(10, std::ssize(words))}, " ");
    return false;
  });
  return out;
}

void measure(Row& row, const Options& options) {
  const Json inspected = ask({"inspect", row.folder});
  row.cache = inspected["cache_bytes_per_token"];
  row.percent = inspected["kv_percent"];
  std::vector<std::string> eval = {"eval", row.folder, "--text", options.text, "--teacher", options.teacher};
  eval.push_back("--json");
  const Json scores = parse_json(run(eval), "zebra eval");
  row.ppl = scores["ppl"], row.kl = scores["kl"], row.agreement = scores["agreement"];
  const Json made = ask({"generate", row.folder, "--prompt", options.prompt, "--max-tokens", "64"});
  row.sample = made["text"];
  row.rate = made["tokens_per_second"];
}

std::string table(const std::vector<Row>& rows) {
  const auto line = [&](const std::string& title, const std::function<std::string(const Row&)>& cell) {
    std::string out = title;
    out.resize(26, ' ');
    for (const Row& row : rows) {
      const std::string text = cell(row);
      out += std::string(text.size() < 12 ? 12 - text.size() : 1, ' ') + text;
    }
    return out + "\n";
  };
  return line("", [](const Row& r) { return r.name; }) +
         line("cache bytes per token", [](const Row& r) { return fixed(r.cache, 0); }) +
         line("KV cache, %", [](const Row& r) { return fixed(r.percent, 1); }) +
         line("perplexity", [](const Row& r) { return fixed(r.ppl, 3); }) +
         line("KL to the teacher, nats", [](const Row& r) { return fixed(r.kl, 4); }) +
         line("same first choice, %", [](const Row& r) { return fixed(100 * r.agreement, 1); }) +
         line("decoding, tokens/s", [](const Row& r) { return fixed(r.rate, 0); });
}

void demo(Options options) {
  const bool own_out = options.out.empty();
  if (own_out) options.out = "out/demo";
  if (options.teacher.empty()) options.teacher = default_teacher();
  const bool replace = fs::exists(options.out);
  if (replace && !own_out && !options.overwrite) {
    fail_usage(options.out, " exists: choose another --out or pass --overwrite");
  }
  fs::create_directories(options.out);
  const auto write = [&](std::vector<std::string> arguments) {
    if (replace) arguments.push_back("--overwrite");
    run(arguments);
  };

  const Json teacher = ask({"inspect", options.teacher});
  std::printf("The teacher %s has %lld parameters in %zu attention layers.\n", options.teacher.c_str(),
              teacher["parameters"].get<long long>(), teacher["layers"].size());
  if (options.text.empty()) {
    options.text = options.out + "/stories.jsonl";
    std::printf("\nText to measure on: stories that no teacher has read.\n");
    write({"world", "--kind", "stories", "--split", "test", "--documents", "200", "--out", options.text});
  }
  if (options.prompt.empty()) options.prompt = first_words(options.text);

  std::vector<Row> rows = {{"teacher", options.teacher, ""},
                           {"converted", options.out + "/converted", ""},
                           {"distilled", options.out + "/distilled", ""}};
  std::printf("\nConversion: attention becomes MLA and Mamba2, without training.\n");
  std::vector<std::string> convert = {"convert", options.teacher, "--out", rows[1].folder};
  for (const auto& flag : hybrid_flags(teacher)) convert.push_back(flag);
  write(convert);
  std::printf("\nDistillation: the student learns from text that the teacher writes.\n");
  write({"distill", "--teacher", options.teacher, "--student", rows[1].folder, "--out", rows[2].folder, "--data",
         "sample", "--tokens", std::to_string(options.tokens)});
  std::printf("\nEvaluation, on text that none of them has seen.\n");
  for (Row& row : rows) measure(row, options);

  std::printf("\n%s\n%s ...\n", table(rows).c_str(), options.prompt.c_str());
  for (const Row& row : rows) std::printf("\n%s:%s\n", row.name.c_str(), row.sample.c_str());
  std::printf(
      "\nNext:\n"
      "  zebra generate %s/distilled --prompt 'your words' --temperature 0.8\n"
      "  zebra convert YOUR_LLAMA_FOLDER --out student --mla-layers 1,3 --rest mamba2 --kv-rank 16 --rope-dim 4\n"
      "README.md goes on from there.\n",
      options.out.c_str());
}

}  // namespace

void add_demo(CLI::App& app) {
  auto options = std::make_shared<Options>();
  options->tokens = 1 << 20;
  CLI::App* verb = app.add_subcommand("demo", "the whole pipeline on a small teacher, in minutes on a CPU");
  verb->add_option("--out", options->out, "folder for the models (default: out/demo, made anew each time)");
  verb->add_option("--teacher", options->teacher, "checkpoint folder (default: the one that comes with the project)");
  verb->add_option("--text", options->text, "documents to measure on (default: generated stories)");
  verb->add_option("--prompt", options->prompt, "for the samples of text (default: the first words of --text)");
  verb->add_option("--tokens", options->tokens, "of distillation")->check(CLI::PositiveNumber)->capture_default_str();
  verb->add_flag("--overwrite", options->overwrite, "replace --out if it exists");
  verb->callback([options] { demo(*options); });
}

}  // namespace zebra::cli
