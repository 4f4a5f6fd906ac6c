#include "tokenizer/train.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/unicode.h"

namespace zebra {

namespace {

constexpr size_t kLongestWord = 1024;  // longer ones are no words, and would be rescanned for every merge

using Pair = std::pair<int32_t, int32_t>;

// All words with their pairs' counts, kept right while pairs merge.
class PairCounts {
 public:
  void add_word(std::vector<int32_t> symbols, int64_t count) {
    words_.push_back({std::move(symbols), count, 0});
    count_pairs(words_.size() - 1, +1);
  }

  // The most frequent pair, the smallest among equals; false if none occurs `min_count` times.
  bool top(int64_t min_count, Pair& best) {
    push_changed();
    while (!heap_.empty()) {
      std::pop_heap(heap_.begin(), heap_.end(), Later());
      Entry entry = heap_.back();
      heap_.pop_back();
      const int64_t now = pairs_.at(entry.pair).count;
      if (now == entry.count && now >= min_count) {
        best = {static_cast<int32_t>(entry.pair >> 32), static_cast<int32_t>(entry.pair & 0xFFFFFFFF)};
        return true;
      }
      if (now != entry.count && now > 0) push({now, entry.pair});  // it was counted before a merge took some away
    }
    return false;
  }

  void merge(const Pair& pair, int32_t id) {
    const uint64_t merged = key(pair.first, pair.second);
    const std::vector<uint32_t> places = std::move(pairs_[merged].words);
    ++round_;
    for (const uint32_t index : places) {
      Word& word = words_[index];
      if (word.round == round_) continue;  // listed twice
      word.round = round_;
      count_pairs(index, -1);
      auto& symbols = word.symbols;
      size_t out = 0;
      for (size_t i = 0; i < symbols.size(); ++out) {
        const bool here = i + 1 < symbols.size() && symbols[i] == pair.first && symbols[i + 1] == pair.second;
        symbols[out] = here ? id : symbols[i];
        i += here ? 2 : 1;
      }
      symbols.resize(out);
      count_pairs(index, +1);
    }
  }

 private:
  struct Word {
    std::vector<int32_t> symbols;
    int64_t count;
    int64_t round;  // of the last merge that changed it
  };
  struct PairInfo {
    int64_t count = 0;
    int64_t changed = -1;         // the round that last put it on changed_
    std::vector<uint32_t> words;  // where it occurs, or did
  };
  struct Entry {
    int64_t count;
    uint64_t pair;
  };
  struct Later {
    bool operator()(const Entry& a, const Entry& b) const {
      return a.count != b.count ? a.count < b.count : a.pair > b.pair;
    }
  };

  static uint64_t key(int32_t left, int32_t right) {
    return static_cast<uint64_t>(left) << 32 | static_cast<uint32_t>(right);
  }
  void push(Entry entry) {
    heap_.push_back(entry);
    std::push_heap(heap_.begin(), heap_.end(), Later());
  }
  void count_pairs(size_t index, int sign) {
    const Word& word = words_[index];
    for (size_t i = 0; i + 1 < word.symbols.size(); ++i) {
      const uint64_t pair = key(word.symbols[i], word.symbols[i + 1]);
      PairInfo& info = pairs_[pair];
      info.count += sign * word.count;
      if (sign < 0) continue;
      if (info.words.empty() || info.words.back() != index) info.words.push_back(static_cast<uint32_t>(index));
      if (info.changed != round_) {
        info.changed = round_;
        changed_.push_back(pair);
      }
    }
  }
  void push_changed() {
    for (const uint64_t pair : changed_) {
      if (const int64_t count = pairs_.at(pair).count; count > 0) push({count, pair});
    }
    changed_.clear();
  }

  std::vector<Word> words_;
  std::unordered_map<uint64_t, PairInfo> pairs_;
  std::vector<Entry> heap_;
  std::vector<uint64_t> changed_;  // pairs that may have become more frequent since the last top()
  int64_t round_ = 0;
};

Json byte_level(bool use_regex) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", use_regex}};
}

}  // namespace

BpeTrainer::BpeTrainer(BpeTrainOptions options) : options_(std::move(options)) {
  const auto least = static_cast<int64_t>(256 + options_.special.size());
  if (options_.vocab < least) {
    fail_usage("vocabulary of ", options_.vocab, ": expected at least ", least, " (256 bytes and the special tokens)");
  }
  if (options_.special.empty()) fail_usage("special tokens: expected at least one, which begins and ends texts");
  for (size_t i = 0; i < options_.special.size(); ++i) {
    const auto& token = options_.special[i];
    const bool twice = std::count(options_.special.begin(), options_.special.end(), token) > 1;
    if (token.size() < 3 || token.size() > 100 || !unicode::valid(token) || twice) {
      fail_usage("special token \"", token, "\": expected 3 to 100 bytes of UTF-8, each token once");
    }
  }
}

void BpeTrainer::add(std::string_view text) {
  const std::string clean = unicode::valid(text) ? std::string(text) : unicode::lossy(text);
  find_words(options_.pattern, clean, spans_);
  for (const Span& span : spans_) {
    const std::string_view word = std::string_view(clean).substr(span.begin, span.end - span.begin);
    if (word.size() > kLongestWord) continue;
    const auto found = words_.find(word);
    found == words_.end() ? void(words_.emplace(word, 1)) : void(++found->second);
  }
}

BpeTrainer::Learned BpeTrainer::learn() const {
  Learned learned{.tokens = options_.special, .merges = {}};
  // Bytes come in the order of the characters that stand for them.
  std::map<char32_t, unsigned char> alphabet;
  for (int byte = 0; byte < 256; ++byte) {
    alphabet[unicode::decode(byte_character(static_cast<unsigned char>(byte)), 0).c] = static_cast<unsigned char>(byte);
  }
  int32_t byte_ids[256];
  TokenIds known;
  for (const auto& [character, byte] : alphabet) {
    byte_ids[byte] = static_cast<int32_t>(learned.tokens.size());
    learned.tokens.emplace_back(byte_character(byte));
  }
  for (size_t i = 0; i < learned.tokens.size(); ++i) known.emplace(learned.tokens[i], static_cast<int32_t>(i));

  PairCounts counts;
  for (const auto& [word, count] : words_) {
    std::vector<int32_t> symbols;
    for (const char c : word) symbols.push_back(byte_ids[static_cast<unsigned char>(c)]);
    counts.add_word(std::move(symbols), count);
  }
  Pair best;
  while (static_cast<int64_t>(learned.tokens.size()) < options_.vocab && counts.top(options_.min_count, best)) {
    std::string token =
        learned.tokens[static_cast<size_t>(best.first)] + learned.tokens[static_cast<size_t>(best.second)];
    // Two pairs may spell one token: it keeps its first id.
    const auto [place, created] = known.emplace(token, static_cast<int32_t>(learned.tokens.size()));
    if (created) learned.tokens.push_back(std::move(token));
    learned.merges.push_back(best);
    counts.merge(best, place->second);
  }
  return learned;
}

Json BpeTrainer::tokenizer_json(const Learned& learned) const {
  Json json;
  json["version"] = "1.0";
  json["truncation"] = nullptr;
  json["padding"] = nullptr;
  json["added_tokens"] = Json::array();
  for (size_t id = 0; id < options_.special.size(); ++id) {
    json["added_tokens"].push_back({{"id", id},
                                    {"content", options_.special[id]},
                                    {"single_word", false},
                                    {"lstrip", false},
                                    {"rstrip", false},
                                    {"normalized", false},
                                    {"special", true}});
  }
  json["normalizer"] = nullptr;
  if (options_.pattern == WordPattern::gpt2) {
    json["pre_tokenizer"] = byte_level(true);
    json["post_processor"] = nullptr;
  } else {
    const Json split = {{"type", "Split"},
                        {"pattern", {{"Regex", pattern_regex(options_.pattern)}}},
                        {"behavior", "Isolated"},
                        {"invert", false}};
    json["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", Json::array({split, byte_level(false)})}};
    const std::string& bos = options_.special[0];
    const auto special = [&](int type) { return Json{{"SpecialToken", {{"id", bos}, {"type_id", type}}}}; };
    const auto sequence = [](const char* id, int type) { return Json{{"Sequence", {{"id", id}, {"type_id", type}}}}; };
    json["post_processor"] = {
        {"type", "TemplateProcessing"},
        {"single", Json::array({special(0), sequence("A", 0)})},
        {"pair", Json::array({special(0), sequence("A", 0), special(1), sequence("B", 1)})},
        {"special_tokens", {{bos, {{"id", bos}, {"ids", Json::array({0})}, {"tokens", Json::array({bos})}}}}}};
  }
  json["decoder"] = byte_level(true);
  Json vocab = Json::object(), merges = Json::array();
  // Every token is new: append without ordered_map's search.
  Json::object_t::Container& members = vocab.get_ref<Json::object_t&>();
  for (size_t id = 0; id < learned.tokens.size(); ++id) members.emplace_back(learned.tokens[id], id);
  for (const auto& [left, right] : learned.merges) {
    merges.push_back(
        Json::array({learned.tokens[static_cast<size_t>(left)], learned.tokens[static_cast<size_t>(right)]}));
  }
  json["model"] = {{"type", "BPE"},
                   {"dropout", nullptr},
                   {"unk_token", nullptr},
                   {"continuing_subword_prefix", nullptr},
                   {"end_of_word_suffix", nullptr},
                   {"fuse_unk", false},
                   {"byte_fallback", false},
                   {"ignore_merges", false}};
  json["model"]["vocab"] = std::move(vocab);
  json["model"]["merges"] = std::move(merges);
  return json;
}

Json BpeTrainer::config_json() const {
  return {{"tokenizer_class", "PreTrainedTokenizerFast"},
          {"bos_token", options_.special[0]},
          {"eos_token", options_.special[options_.special.size() > 1 ? 1 : 0]},
          {"clean_up_tokenization_spaces", false}};
}

int64_t BpeTrainer::write(const fs::path& folder) const {
  const Learned learned = learn();
  write_file(folder / "tokenizer.json", tokenizer_json(learned).dump() + "\n");
  write_json(folder / "tokenizer_config.json", config_json());
  return static_cast<int64_t>(learned.tokens.size());
}

}  // namespace zebra
