#pragma once
// What a model is aligned with: answers to imitate, or pairs of a better and a worse answer, from JSONL files with the
// keys of TRL's data sets.
#include <vector>

#include "data/chat.h"

namespace zebra {

enum class ExampleKind {
  answers,     // "messages", or "prompt" and "completion"
  preferences  // "prompt", "chosen" and "rejected"
};

// The row to imitate, or the chosen and the rejected one, which share their prompt.
using Example = std::vector<AnswerRow>;

struct ExampleOptions {
  int64_t length = 0;  // tokens of a row at most; longer prompts lose their front
  int64_t vocab = 0;   // ids are below it
  int64_t eos = -1;    // ends answers; -1 = nothing does
  fs::path model;      // whose chat template writes messages; empty = a layout of our own
};

struct ExampleSet {
  std::vector<Example> examples;
  int64_t cut = 0;      // examples whose prompt lost its front
  int64_t dropped = 0;  // examples whose answer leaves no room for a prompt
  // Rows, of which read_examples() warns: with BOS twice in front or the answer's last token twice, since the text
  // spells what is added anyway; and rows whose answer no special token ends, from which a model learns to go on for
  // ever.
  int64_t bos_twice = 0, end_twice = 0, endless = 0;
};

// All examples of `files`, in order. Errors name file, line and key.
ExampleSet read_examples(const std::vector<fs::path>& files, ExampleKind kind, const Tokenizer& tokenizer,
                         const ExampleOptions& options);

// What can be said of example files without their tokenizer: lines, and about four bytes of a line a token.
struct ExampleCount {
  int64_t examples = 0, tokens = 0;
};
// Nothing where one of the files is not there yet.
ExampleCount count_examples(const std::vector<fs::path>& files);

}  // namespace zebra
