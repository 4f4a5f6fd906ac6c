#include "cli/text_flags.h"

#include "cli/ranges.h"

namespace zebra::cli {

void add_text_flags(CLI::App& verb, TextOptions& options) {
  verb.add_option("--text", options.text, "documents: JSONL with a \"text\" field (.gz, .zst) or a .txt file")
      ->required();
  verb.add_option("--min-length", options.eval.min_length, "skip documents of fewer tokens")
      ->check(at_least(2))
      ->capture_default_str();
  verb.add_option("--max-length", options.eval.max_length, "cut longer documents (0: at the context length)")
      ->check(not_negative())
      ->capture_default_str();
  verb.add_option("--pack", options.pack, "join all documents into rows of this many tokens (0: each by itself)")
      ->check(between(0, 1 << 30))
      ->capture_default_str();
  verb.add_flag("--no-bos", options.no_bos, "no BOS before a document, though the tokenizer adds one");
  verb.add_option("--limit", options.eval.limit, "documents (or rows) to use at most (0: all)")
      ->check(between(0, 1 << 30))
      ->capture_default_str();
}

}  // namespace zebra::cli
