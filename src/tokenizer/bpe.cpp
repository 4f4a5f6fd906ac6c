#include "tokenizer/bpe.h"

#include <algorithm>

#include "tokenizer/json_parts.h"
#include "tokenizer/unicode.h"

namespace zebra {

namespace {

constexpr char32_t kShort = 0x200;
constexpr size_t kCachedWord = 256, kCachedWords = 1 << 16;

void refuse_affix(const Json& json, const std::string& key, const std::string& where) {
  if (!json_get<std::string>(json, key, "", where).empty()) {
    fail_input(where, ": key \"", key, "\": expected none, found one, which zebra does not know");
  }
}

}  // namespace

Bpe::Bpe(const Json& json, Vocab vocab, Merges merges, const std::string& where)
    : vocab_(std::move(vocab)), merges_(std::move(merges)), short_ids_(kShort, -1) {
  const std::string type = json_get<std::string>(json, "type", "BPE", where);
  if (type != "BPE") fail_part(where, type, "BPE");
  if (json_get<double>(json, "dropout", 0, where) != 0) {
    fail_input(where, ": key \"dropout\": expected none, since encoding must not be random; found ",
               json["dropout"].dump());
  }
  refuse_affix(json, "continuing_subword_prefix", where);
  refuse_affix(json, "end_of_word_suffix", where);
  fuse_unknown_ = json_get<bool>(json, "fuse_unk", false, where);
  ignore_merges_ = json_get<bool>(json, "ignore_merges", false, where);
  for (size_t i = 0; i < vocab_.size(); ++i) {
    const std::string_view text = vocab_.text(i);
    if (text.empty()) continue;
    const auto first = unicode::decode(text, 0);
    if (first.bytes == text.size() && first.c < kShort) short_ids_[first.c] = vocab_.id(i);
  }
  const std::string unknown = json_get<std::string>(json, "unk_token", "", where);
  if (!unknown.empty()) {
    unknown_ = static_cast<int32_t>(id(unknown));
    if (unknown_ < 0)
      fail_input(where, ": unk_token \"", unknown.substr(0, 80), "\": expected a token of the vocabulary");
  }
  if (json_get<bool>(json, "byte_fallback", false, where)) read_bytes(where);
}

void Bpe::read_bytes(const std::string& where) {
  const char* digits = "0123456789ABCDEF";
  bool any = false;
  for (size_t byte = 0; byte < 256; ++byte) {
    const char name[] = {'<', '0', 'x', digits[byte >> 4], digits[byte & 15], '>'};
    byte_ids_.push_back(static_cast<int32_t>(id({name, sizeof name})));
    any = any || byte_ids_.back() >= 0;
  }
  if (!any) fail_input(where, ": byte_fallback: expected tokens <0x00> to <0xFF> in the vocabulary, found none");
}

// One symbol a character; unknown characters become their bytes, else the unknown token, else nothing.
void Bpe::first_symbols(std::string_view word, std::vector<Symbol>& symbols) const {
  bool pending = false;  // an unknown token that may still fuse with the next one
  const auto add = [&](int32_t id) { symbols.push_back({id, 0, 0, true}); };
  for (size_t at = 0; at < word.size();) {
    const auto next = unicode::decode(word, at);
    const std::string_view character = word.substr(at, next.bytes);
    at += next.bytes;
    const int32_t id = next.c < kShort ? short_ids_[next.c] : static_cast<int32_t>(this->id(character));
    if (id >= 0) {
      if (pending) add(unknown_);
      pending = false;
      add(id);
      continue;
    }
    const auto byte_id = [&](char c) { return byte_ids_[static_cast<unsigned char>(c)]; };
    if (!byte_ids_.empty() &&
        std::all_of(character.begin(), character.end(), [&](char c) { return byte_id(c) >= 0; })) {
      for (const char c : character) add(byte_id(c));  // a pending unknown stays pending, as in Hugging Face's code
      continue;
    }
    if (unknown_ < 0) continue;
    if (pending && !fuse_unknown_) add(unknown_);
    pending = true;
  }
  if (pending) add(unknown_);
}

void Bpe::merge_all(std::vector<Symbol>& symbols) const {
  const auto later = [](const Candidate& a, const Candidate& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.position > b.position;
  };
  std::vector<Candidate> heap;
  const auto count = static_cast<int32_t>(symbols.size());
  const auto at = [&](int32_t i) -> Symbol& { return symbols[static_cast<size_t>(i)]; };
  for (int32_t i = 0; i < count; ++i) {
    at(i).previous = i - 1;
    at(i).next = i + 1 < count ? i + 1 : -1;
    if (i + 1 == count) break;
    if (const auto* merge = merges_.find(at(i).id, at(i + 1).id)) heap.push_back({merge->rank, i, merge->id});
  }
  std::make_heap(heap.begin(), heap.end(), later);
  const auto offer = [&](int32_t left, int32_t right) {
    if (const auto* merge = merges_.find(at(left).id, at(right).id)) {
      heap.push_back({merge->rank, left, merge->id});
      std::push_heap(heap.begin(), heap.end(), later);
    }
  };
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), later);
    const Candidate best = heap.back();
    heap.pop_back();
    Symbol& left = at(best.position);
    if (!left.alive || left.next < 0) continue;
    Symbol& right = at(left.next);
    const auto* merge = merges_.find(left.id, right.id);
    if (!merge || merge->id != best.id) continue;  // the pair changed since it was queued
    left.id = best.id;
    left.next = right.next;
    right.alive = false;
    if (left.next >= 0) at(left.next).previous = best.position;
    if (left.previous >= 0) offer(left.previous, best.position);
    if (left.next >= 0) offer(best.position, left.next);
  }
}

Bpe::Encoder::Encoder(const Bpe& bpe) : bpe_(bpe) {
  const std::lock_guard lock(bpe.mutex_);
  if (bpe.caches_.empty()) {
    cache_ = std::make_unique<Cache>();
  } else {
    cache_ = std::move(bpe.caches_.back());
    bpe.caches_.pop_back();
  }
}

Bpe::Encoder::~Encoder() {
  const std::lock_guard lock(bpe_.mutex_);
  bpe_.caches_.push_back(std::move(cache_));
}

void Bpe::Encoder::encode(std::string_view word, std::vector<int64_t>& ids) const {
  if (bpe_.ignore_merges_) {
    if (const int64_t whole = bpe_.id(word); whole >= 0) return ids.push_back(whole);
  }
  if (const auto found = cache_->places.find(word); found != cache_->places.end()) {
    const auto [begin, count] = found->second;
    for (uint32_t i = begin; i < begin + count; ++i) ids.push_back(cache_->ids[i]);
    return;
  }
  std::vector<Symbol> symbols;
  bpe_.first_symbols(word, symbols);
  bpe_.merge_all(symbols);
  const size_t before = ids.size();
  for (const Symbol& symbol : symbols) {
    if (symbol.alive) ids.push_back(symbol.id);
  }
  if (word.size() > kCachedWord) return;
  if (cache_->places.size() >= kCachedWords) {
    cache_->places.clear();
    cache_->ids.clear();
  }
  cache_->places.emplace(
      word, std::pair{static_cast<uint32_t>(cache_->ids.size()), static_cast<uint32_t>(ids.size() - before)});
  cache_->ids.insert(cache_->ids.end(), ids.begin() + static_cast<long>(before), ids.end());
}

}  // namespace zebra
