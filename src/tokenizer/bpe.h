#pragma once
// The BPE model (Sennrich et al. 2016) as Hugging Face tokenizers runs it: the pair of lowest rank merges first, the
// leftmost among equals.
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "io/json.h"
#include "tokenizer/merges.h"
#include "tokenizer/string_hash.h"
#include "tokenizer/vocab.h"

namespace zebra {

class Bpe {
 public:
  // `settings`: the "model" of tokenizer.json beside its lists.
  Bpe(const Json& settings, Vocab vocab, Merges merges, const std::string& where);

  class Encoder;  // below

  const Vocab& vocab() const { return vocab_; }
  int64_t id(std::string_view token) const { return vocab_.find(token); }  // -1 if unknown

 private:
  struct Symbol {
    int32_t id, previous, next;
    bool alive;
  };
  struct Candidate {
    int32_t rank, position, id;
  };

  void read_bytes(const std::string& where);
  void first_symbols(std::string_view word, std::vector<Symbol>& symbols) const;
  void merge_all(std::vector<Symbol>& symbols) const;

  Vocab vocab_;
  Merges merges_;
  std::vector<int32_t> short_ids_;  // ids of the single characters below U+0200, -1 if none
  std::vector<int32_t> byte_ids_;   // of <0x00>..<0xFF>; empty without byte fallback
  int32_t unknown_ = -1;
  bool fuse_unknown_ = false, ignore_merges_ = false;

  // Words repeat: their ids are kept, in one cache for each encoder that is in use at the same time.
  struct Cache {
    std::unordered_map<std::string, std::pair<uint32_t, uint32_t>, StringHash, std::equal_to<>> places;
    std::vector<int32_t> ids;
  };
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Cache>> caches_;
};

// For the words of one text. Several threads may encode at once, each with an encoder of its own.
class Bpe::Encoder {
 public:
  explicit Encoder(const Bpe& bpe);  // which must outlive it
  ~Encoder();
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;

  void encode(std::string_view word, std::vector<int64_t>& ids) const;  // appends those of one word (valid UTF-8)

 private:
  const Bpe& bpe_;
  std::unique_ptr<Cache> cache_;
};

}  // namespace zebra
