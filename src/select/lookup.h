#pragma once
// Looking up in the context: documents of key-value pairs in tokens of any vocabulary, then keys again, whose value
// must follow. What a model gets right shows which layers its recall depends on (HALO and Jet-Nemotron choose layers
// so).
#include <cstdint>
#include <vector>

#include "model/model.h"
#include "tokenizer/tokenizer.h"

namespace zebra {

struct LookupSettings {
  int64_t documents = 64, pairs = 16, lookups = 8;  // per document: pairs, and keys that come again
  uint64_t seed = 0;
};

// Tokens that stand for keys and values, and what stands between.
struct LookupWords {
  std::vector<int64_t> words;    // ids of keys and values
  std::vector<int64_t> is, end;  // between key and value, and behind a value; may be empty
  int64_t bos = -1;              // begins a document, if >= 0
};

// Words of the tokenizer: tokens of a space and two or more letters, or, where it has few of them, everything that is
// not special. `is` is "=" and `end` a line's end.
LookupWords lookup_words(const Tokenizer& tokenizer, const ModelConfig& config);

struct LookupDocument {
  std::vector<int64_t> ids;
  std::vector<int64_t> values;  // of the pairs: what a lookup chooses from
  std::vector<int64_t> places;  // of the tokens behind which a looked-up value stands
};

// A pure function of its arguments; all keys and values of a document are different words. Error(usage) where there are
// too few words or a number is not positive, or more lookups than pairs.
std::vector<LookupDocument> lookup_documents(const LookupWords& words, const LookupSettings& settings);

struct LookupResult {
  double accuracy = 0;        // the value is likelier than all others of its document; chance is 1 / pairs
  double log_likelihood = 0;  // of the values among all tokens, mean, in nats
  int64_t lookups = 0;
};
LookupResult measure_lookup(const Model& model, const std::vector<LookupDocument>& documents);

}  // namespace zebra
