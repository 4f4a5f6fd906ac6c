// zebra tokenizer train: a byte-level BPE tokenizer from text.
#include <map>
#include <memory>

#include "base/error.h"
#include "base/log.h"
#include "base/output.h"
#include "base/text.h"
#include "cli/verbs.h"
#include "data/documents.h"
#include "tokenizer/train.h"

namespace zebra::cli {

namespace {

struct Options {
  std::string data, out, kind = "llama3", special;
  int64_t vocab = 0;
  bool overwrite = false;
};

struct Kind {
  WordPattern pattern;
  const char* special;
};
const std::map<std::string, Kind> kKinds = {
    {"gpt2", {WordPattern::gpt2, "<|endoftext|>"}},
    {"llama3", {WordPattern::llama3, "<|begin_of_text|>,<|end_of_text|>"}},
};

void train(const Options& options) {
  const Kind& kind = kKinds.at(options.kind);
  const std::vector<std::string> files = split(options.data, ',');
  OutputFolder out(options.out, options.overwrite, {files.begin(), files.end()});
  BpeTrainer trainer({.vocab = options.vocab,
                      .pattern = kind.pattern,
                      .special = split(options.special.empty() ? kind.special : options.special, ',')});
  int64_t documents = 0;
  for (const auto& file : files) {
    read_documents(file, [&](const std::string& text) {
      trainer.add(text);
      ++documents;
      return true;
    });
  }
  if (documents == 0) fail_input(options.data, ": expected at least one document, found none");
  const int64_t size = trainer.write(out.path());
  out.commit();
  if (size < options.vocab) {
    log_warning(cat("the text has pairs for ", size, " tokens only, not for ", options.vocab));
  }
  log_line(cat(options.out, ": ", size, " tokens from ", documents, " documents"));
}

}  // namespace

void add_tokenizer(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("tokenizer", "make tokenizers");
  verb->require_subcommand(1);
  CLI::App* sub = verb->add_subcommand("train", "train a byte-level BPE tokenizer on text");
  sub->add_option("--data", options->data, "text files, separated by commas")->required();
  sub->add_option("--vocab", options->vocab, "tokens, the 256 bytes and special ones included")->required();
  sub->add_option("--out", options->out, "folder to write")->required();
  sub->add_option("--kind", options->kind, "how text is cut into words: gpt2 or llama3")
      ->check(CLI::IsMember({"gpt2", "llama3"}));
  sub->add_option("--special", options->special, "special tokens; the first begins a text, the second ends it");
  sub->add_flag("--overwrite", options->overwrite, "replace --out if it exists");
  sub->callback([options] { train(*options); });
}

}  // namespace zebra::cli
