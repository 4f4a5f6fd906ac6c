#pragma once
// Which pairs of tokens BPE joins, into which token, and which first.
#include <cstdint>
#include <vector>

#include "tokenizer/hash_index.h"

namespace zebra {

class Merges {
 public:
  struct Merge {
    int32_t left, right, rank, id;
  };
  void reserve(size_t json_bytes) { merges_.reserve(json_bytes / 6 + 1); }  // "a b",
  void set(const Merge& merge) {  // of a pair that is there already, the later one counts
    const uint32_t place = place_of(merge.left, merge.right);
    if (place != HashIndex::kNone) {
      merges_[place] = merge;
      return;
    }
    merges_.push_back(merge);
    index_.insert(static_cast<uint32_t>(merges_.size() - 1),
                  [this](uint32_t i) { return key(merges_[i].left, merges_[i].right); });
  }
  const Merge* find(int32_t left, int32_t right) const {
    const uint32_t place = place_of(left, right);
    return place == HashIndex::kNone ? nullptr : &merges_[place];
  }

 private:
  static uint64_t key(int32_t left, int32_t right) {
    return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  }
  uint32_t place_of(int32_t left, int32_t right) const {
    return index_.find(key(left, right),
                       [&](uint32_t i) { return merges_[i].left == left && merges_[i].right == right; });
  }

  std::vector<Merge> merges_;
  HashIndex index_;
};

}  // namespace zebra
