#include "cli/documents.h"

#include "base/error.h"
#include "data/documents.h"
#include "tokenizer/tokenizer.h"

namespace zebra::cli {

std::vector<std::vector<int64_t>> token_documents(const std::string& folder, const std::string& text,
                                                  const TextEvalOptions& eval, int64_t vocab) {
  const Tokenizer tokenizer = Tokenizer::load(folder);
  std::vector<std::vector<int64_t>> documents;
  int64_t long_enough = 0;
  read_documents(text, [&](const std::string& document) {
    documents.push_back(tokenizer.encode(document, true));
    for (const int64_t id : documents.back()) {
      if (id < 0 || id >= vocab) {
        fail_input(folder, "/tokenizer.json: expected ids below the model's vocabulary of ", vocab, ", found ", id);
      }
    }
    if (static_cast<int64_t>(documents.back().size()) >= eval.min_length) ++long_enough;
    return eval.limit == 0 || long_enough < eval.limit;
  });
  return documents;
}

}  // namespace zebra::cli
