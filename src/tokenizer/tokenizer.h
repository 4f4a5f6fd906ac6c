#pragma once
// tokenizer.json of Hugging Face tokenizers: normaliser, pre-tokenizer, BPE model, post-processor, decoder, added
// tokens.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"

namespace zebra {

class Tokenizer {
 public:
  // From DIR/tokenizer.json (and tokenizer_config.json for bos/eos); unknown parts are named errors, never ignored.
  static Tokenizer load(const fs::path& folder);
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  // Text of special tokens inside `text` is recognised, as Hugging Face tokenizers do. `special` adds what the
  // post-processor adds (BOS ...). What is not UTF-8 is read as U+FFFD, one for each maximal ill-formed part.
  // Encoding and decoding are safe from several threads at once.
  std::vector<int64_t> encode(std::string_view text, bool special) const;
  // Ids that no token has stand for nothing, as in Hugging Face tokenizers; bytes that are not UTF-8 become U+FFFD.
  std::string decode(const std::vector<int64_t>& ids, bool skip_special = false) const;
  int64_t vocab_size() const;                      // largest id + 1
  int64_t token_id(std::string_view token) const;  // -1 if unknown
  std::string token(int64_t id) const;             // Error(input) if unknown
  bool is_special(int64_t id) const;
  int64_t bos() const;  // of tokenizer_config.json; -1 if none
  int64_t eos() const;

 private:
  struct Impl;
  explicit Tokenizer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace zebra
