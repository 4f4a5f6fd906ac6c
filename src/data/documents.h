#pragma once
// Text corpora: JSONL with a "text" field (plain, .gz or .zst; .xz is refused with advice) or a .txt file = one
// document.
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "tokenizer/tokenizer.h"

namespace zebra {

// Calls `each` for every document in order; return false to stop. Errors name file and line.
void read_documents(const fs::path& path, const std::function<bool(const std::string& text)>& each);

// Sequences of equal length as one block of ids: [count, length] row-major.
struct TokenBlock {
  int64_t length = 0;
  std::vector<int32_t> ids;
  std::vector<uint8_t> starts;  // 1 where a document begins; as many as ids, or none where nobody marked them
  int64_t count() const { return length ? static_cast<int64_t>(ids.size()) / length : 0; }
};

struct Packing {
  int64_t length = 0;  // tokens in a row
  int64_t eos = -1;    // ends each document, if >= 0
  bool bos = true;     // documents begin with BOS where the tokenizer adds one
  int64_t limit = 0;   // tokens in all, at least a row; 0 = the whole text
};

// Packs documents back to back into rows; the remainder is dropped. With a limit every file gives an equal part of it,
// or all that it has.
TokenBlock pack_documents(const std::vector<fs::path>& files, const Tokenizer& tokenizer, const Packing& packing);

// Row order for training: a fresh permutation of [0, count) each epoch, a pure function of (seed, position).
class ShuffledOrder {
 public:
  ShuffledOrder(int64_t count, uint64_t seed);
  int64_t operator()(int64_t position);  // counts rows over all epochs; Error(runtime) below 0

 private:
  int64_t count_;
  uint64_t seed_;
  int64_t epoch_ = -1;
  std::vector<int64_t> permutation_;
};

}  // namespace zebra
