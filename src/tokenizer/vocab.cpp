#include "tokenizer/vocab.h"

#include <algorithm>

#include "base/error.h"
#include "tokenizer/string_hash.h"

namespace zebra {

void Vocab::reserve(size_t json_bytes) {
  text_.reserve(json_bytes);
  entries_.reserve(json_bytes / 5 + 1);  // "":0,
}

void Vocab::add(std::string_view text, int32_t id) {
  entries_.push_back({static_cast<uint32_t>(text_.size()), static_cast<uint32_t>(text.size()), id});
  text_ += text;
}

void Vocab::finish(const std::string& where) {
  std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) { return a.id < b.id; });
  index_ = HashIndex(entries_.size());
  const auto hash_of = [this](uint32_t place) { return StringHash{}(text(place)); };
  for (uint32_t i = 0; i < entries_.size(); ++i) {
    if (i > 0 && entries_[i].id == entries_[i - 1].id) {
      fail_input(where, ": id ", entries_[i].id, ": expected one token, found \"", text(i - 1).substr(0, 80),
                 "\" and \"", text(i).substr(0, 80), "\"");
    }
    if (find(text(i)) >= 0) {
      fail_input(where, ": expected every key once, found \"", text(i).substr(0, 120), "\" twice in one object");
    }
    index_.insert(i, hash_of);
  }
}

int64_t Vocab::find(std::string_view text) const {
  const uint32_t found = index_.find(StringHash{}(text), [&](uint32_t place) { return this->text(place) == text; });
  return found == HashIndex::kNone ? -1 : entries_[found].id;
}

std::optional<std::string_view> Vocab::token(int64_t id) const {
  // Mostly the ids are 0, 1, 2 and so on.
  if (id >= 0 && static_cast<size_t>(id) < entries_.size() && entries_[static_cast<size_t>(id)].id == id) {
    return text(static_cast<size_t>(id));
  }
  const auto found = std::lower_bound(entries_.begin(), entries_.end(), id,
                                      [](const Entry& entry, int64_t wanted) { return entry.id < wanted; });
  if (found == entries_.end() || found->id != id) return std::nullopt;
  return text_of(*found);
}

}  // namespace zebra
