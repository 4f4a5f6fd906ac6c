#pragma once
// The "added_tokens" of tokenizer.json: texts that become one id whatever the model says.
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tokenizer/bpe.h"
#include "tokenizer/normalizer.h"

namespace zebra {

struct AddedToken {
  std::string content;
  std::string match;  // what is looked for and decoded: the normalised content of a `normalized` token
  int64_t id = -1;
  bool single_word = false, left_strip = false, right_strip = false, normalized = true, special = false;
  bool skipped = false;  // in decoding without special tokens
};

// As the file says it: with the id that it states, which need not be the one that the token gets.
struct StatedToken {
  AddedToken token;
  int64_t id = -1;
};
StatedToken read_added_token(const Json& entry, const std::string& where);

// A stretch of text, or (id >= 0) an added token.
struct TextPart {
  std::string_view text;
  int64_t id = -1;
};

class AddedTokens {
 public:
  AddedTokens(std::vector<StatedToken> stated, const std::string& where, const Bpe& model,
              const Normalizer& normalizer);
  AddedTokens(const AddedTokens&) = delete;
  AddedTokens& operator=(const AddedTokens&) = delete;

  // Tokens that are found before normalisation, or after it (`normalized`).
  std::vector<TextPart> split(std::string_view text, bool normalized) const;

  const AddedToken* find(int64_t id) const;
  int64_t id(std::string_view content) const;  // -1 if unknown
  bool is_special(std::string_view content) const;
  int64_t id_limit() const { return tokens_.empty() ? 0 : tokens_.back().id + 1; }

 private:
  // Texts to look for, sorted: all that begin alike stand together.
  struct Finder {
    std::vector<std::pair<std::string_view, int64_t>> texts;  // with their ids
    bool starts[256] = {};
  };
  void fill(Finder& finder, bool normalized, const std::string& where) const;
  uint32_t place(std::string_view content) const;

  std::vector<AddedToken> tokens_;  // by id; of several with one id the last counts
  HashIndex by_content_;
  Finder plain_, normalized_;
};

}  // namespace zebra
