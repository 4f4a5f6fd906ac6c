#pragma once
// Training a byte-level BPE tokenizer: the most frequent pair merges first, the lowest ids among equals, so that the
// result depends on the text alone (and equals that of Hugging Face's trainer).
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "io/json.h"
#include "tokenizer/split.h"
#include "tokenizer/string_hash.h"

namespace zebra {

struct BpeTrainOptions {
  int64_t vocab = 2048;  // the bytes and special tokens included
  WordPattern pattern = WordPattern::llama3;
  std::vector<std::string> special;  // ids from 0; the first begins a text, the second (or only) one ends it
  int64_t min_count = 2;             // of a pair that becomes a token
};

class BpeTrainer {
 public:
  explicit BpeTrainer(BpeTrainOptions options);

  void add(std::string_view text);  // counts the words of one document
  // Learns the merges and writes tokenizer.json and tokenizer_config.json. Returns the vocabulary's size, which is
  // smaller than asked for where the text has too few pairs.
  int64_t write(const fs::path& folder) const;

 private:
  struct Learned {
    std::vector<std::string> tokens;  // by id
    std::vector<std::pair<int32_t, int32_t>> merges;
  };
  Learned learn() const;
  Json tokenizer_json(const Learned& learned) const;
  Json config_json() const;

  BpeTrainOptions options_;
  std::unordered_map<std::string, int64_t, StringHash, std::equal_to<>> words_;  // bytes of a word -> how often
  std::vector<Span> spans_;
};

}  // namespace zebra
