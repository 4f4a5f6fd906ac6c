#pragma once
// Finds things of a list by their hash: a table of places with linear probing, 4 bytes a slot, at most three quarters
// full. The list itself stays with its owner, who compares.
#include <cstdint>
#include <vector>

namespace zebra {

class HashIndex {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  // For so many things at once; more may follow.
  explicit HashIndex(size_t count = 0) {
    size_t slots = 16;
    while (slots / 4 * 3 < count) slots *= 2;
    slots_.assign(slots, kNone);
  }

  // The place of the thing with this hash for which `same(place)` holds, or kNone.
  template <class Same>
  uint32_t find(uint64_t hash, const Same& same) const {
    for (size_t at = mixed(hash) & mask();; at = (at + 1) & mask()) {
      if (slots_[at] == kNone || same(slots_[at])) return slots_[at];
    }
  }
  // A thing that is not in yet. `hash_of(place)` is asked for all when the table grows.
  template <class HashOf>
  void insert(uint32_t place, const HashOf& hash_of) {
    if (++count_ > slots_.size() / 4 * 3) {
      std::vector<uint32_t> old(slots_.size() * 2, kNone);
      old.swap(slots_);
      for (const uint32_t each : old) {
        if (each != kNone) put(each, hash_of(each));
      }
    }
    put(place, hash_of(place));
  }

 private:
  static uint64_t mixed(uint64_t hash) {
    hash = (hash ^ (hash >> 32)) * 0x9e3779b97f4a7c15u;
    return hash ^ (hash >> 29);
  }
  size_t mask() const { return slots_.size() - 1; }
  void put(uint32_t place, uint64_t hash) {
    size_t at = mixed(hash) & mask();
    while (slots_[at] != kNone) at = (at + 1) & mask();
    slots_[at] = place;
  }

  std::vector<uint32_t> slots_;
  size_t count_ = 0;
};

}  // namespace zebra
