#pragma once
// The "added_tokens" of tokenizer.json: texts that become one id whatever the model says.
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "tokenizer/bpe.h"
#include "tokenizer/normalizer.h"

namespace zebra {

struct AddedToken {
  std::string content;
  std::string match;  // what is looked for and decoded: the normalised content of a `normalized` token
  bool single_word = false, left_strip = false, right_strip = false, normalized = true, special = false;
};

// A stretch of text, or (id >= 0) an added token.
struct TextPart {
  std::string_view text;
  int64_t id = -1;
};

class AddedTokens {
 public:
  AddedTokens() = default;
  AddedTokens(const Json& json, const std::string& where, const Bpe& model, const Normalizer& normalizer);

  // Tokens that are found before normalisation, or after it (`normalized`).
  std::vector<TextPart> split(std::string_view text, bool normalized) const;

  const AddedToken* find(int64_t id) const;
  int64_t id(std::string_view content) const;  // -1 if unknown
  bool is_special(const std::string& text) const { return special_.contains(text); }
  int64_t id_limit() const { return by_id_.empty() ? 0 : by_id_.rbegin()->first + 1; }

 private:
  // A trie over bytes, as a table of edges.
  struct Trie {
    struct Node {
      std::map<unsigned char, uint32_t> next;
      int64_t id = -1;
    };
    std::vector<Node> nodes{1};
    bool starts[256] = {};
  };
  static void insert(Trie& trie, const std::string& text, int64_t id, const std::string& where);

  std::map<int64_t, AddedToken> by_id_;
  std::unordered_map<std::string, int64_t, StringHash, std::equal_to<>> ids_;
  std::unordered_set<std::string> special_;
  Trie plain_, normalized_;
};

}  // namespace zebra
