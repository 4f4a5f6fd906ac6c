#pragma once
// Tokens by text and by id, in little more memory than their texts.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/hash_index.h"

namespace zebra {

class Vocab {
 public:
  // For a file of so many bytes, of which memory only what is used is taken.
  void reserve(size_t json_bytes);
  void add(std::string_view text, int32_t id);  // id >= 0
  void finish(const std::string& where);        // Error(input) if a text or an id is there twice; then they are found

  size_t size() const { return entries_.size(); }
  std::string_view text(size_t i) const { return text_of(entries_[i]); }  // in the order of their ids
  int32_t id(size_t i) const { return entries_[i].id; }
  int64_t find(std::string_view text) const;  // -1 if unknown
  std::optional<std::string_view> token(int64_t id) const;
  int64_t id_limit() const { return entries_.empty() ? 0 : int64_t{entries_.back().id} + 1; }  // largest id + 1

 private:
  struct Entry {
    uint32_t begin, size;
    int32_t id;
  };
  std::string_view text_of(const Entry& entry) const { return std::string_view(text_).substr(entry.begin, entry.size); }

  std::string text_;
  std::vector<Entry> entries_;
  HashIndex index_;
};

}  // namespace zebra
