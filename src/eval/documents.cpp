#include "eval/documents.h"

#include "base/error.h"
#include "data/documents.h"
#include "tokenizer/tokenizer.h"

namespace zebra {

namespace {

using Documents = std::vector<std::vector<int64_t>>;

Documents packed_rows(const Tokenizer& tokenizer, const TextOptions& options, const ModelConfig& config) {
  const TokenBlock block = pack_documents({options.text}, tokenizer,
                                          {.length = options.pack,
                                           .eos = config.document_end(),
                                           .bos = !options.no_bos,
                                           .limit = options.eval.limit * options.pack});
  Documents rows;
  for (auto row = block.ids.begin(); row != block.ids.end(); row += options.pack)
    rows.emplace_back(row, row + options.pack);
  return rows;
}

Documents whole_documents(const Tokenizer& tokenizer, const TextOptions& options) {
  Documents documents;
  int64_t long_enough = 0;
  read_documents(options.text, [&](const std::string& document) {
    documents.push_back(tokenizer.encode(document, !options.no_bos));
    if (static_cast<int64_t>(documents.back().size()) >= options.eval.min_length) ++long_enough;
    return options.eval.limit == 0 || long_enough < options.eval.limit;
  });
  return documents;
}

}  // namespace

Documents token_documents(const std::string& folder, const TextOptions& options, const ModelConfig& config) {
  const Tokenizer tokenizer = Tokenizer::load(folder);
  Documents documents =
      options.pack > 0 ? packed_rows(tokenizer, options, config) : whole_documents(tokenizer, options);
  for (const auto& document : documents) {
    for (const int64_t id : document) {
      if (id < 0 || id >= config.vocab) {
        fail_input(folder, "/tokenizer.json: expected ids below the model's vocabulary of ", config.vocab, ", found ",
                   id);
      }
    }
  }
  return documents;
}

}  // namespace zebra
