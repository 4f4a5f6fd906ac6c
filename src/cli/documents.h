#pragma once
// Texts to evaluate on, as token ids.
#include <cstdint>
#include <string>
#include <vector>

#include "eval/text_eval.h"

namespace zebra::cli {

// As many documents of `text` as `eval` will use, by the tokenizer of `folder`; ids are below `vocab`.
std::vector<std::vector<int64_t>> token_documents(const std::string& folder, const std::string& text,
                                                  const TextEvalOptions& eval, int64_t vocab);

}  // namespace zebra::cli
