#include "cli/documents.h"
#include "cli/ranges.h"

#include "base/error.h"
#include "data/documents.h"
#include "tokenizer/tokenizer.h"

namespace zebra::cli {

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

void TextOptions::add_to(CLI::App& verb) {
  verb.add_option("--text", text, "documents: JSONL with a \"text\" field (.gz, .zst) or a .txt file")->required();
  verb.add_option("--min-length", eval.min_length, "skip documents of fewer tokens")
      ->check(at_least(2))
      ->capture_default_str();
  verb.add_option("--max-length", eval.max_length, "cut longer documents (0: at the context length)")
      ->check(not_negative())
      ->capture_default_str();
  verb.add_option("--pack", pack, "join all documents into rows of this many tokens (0: each by itself)")
      ->check(between(0, 1 << 30))
      ->capture_default_str();
  verb.add_flag("--no-bos", no_bos, "no BOS before a document, though the tokenizer adds one");
  verb.add_option("--limit", eval.limit, "documents (or rows) to use at most (0: all)")
      ->check(between(0, 1 << 30))
      ->capture_default_str();
}

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

}  // namespace zebra::cli
