#pragma once
// Texts to evaluate on, as token ids.
#include <cstdint>
#include <string>
#include <vector>

#include "eval/text_eval.h"

namespace zebra {

struct TextOptions {
  std::string text;
  int64_t pack = 0;  // > 0: rows of this many tokens, document after document, in place of documents
  bool no_bos = false;
  TextEvalOptions eval;
};

// As many documents (or rows) as `options.eval` will use, by the tokenizer of `folder`, for a model of `config`.
std::vector<std::vector<int64_t>> token_documents(const std::string& folder, const TextOptions& options,
                                                  const ModelConfig& config);

}  // namespace zebra
