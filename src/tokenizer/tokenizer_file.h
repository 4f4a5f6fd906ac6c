#pragma once
// tokenizer.json, read by events: its lists of tokens and merges never become a document.
#include <vector>

#include "base/file.h"
#include "io/json.h"
#include "tokenizer/added_tokens.h"
#include "tokenizer/merges.h"
#include "tokenizer/vocab.h"

namespace zebra {

struct TokenizerFile {
  explicit TokenizerFile(const fs::path& path);

  Json parts;  // what is beside the lists
  Json model;  // likewise, of "model"; null if there is none
  Vocab vocab;
  Merges merges;
  std::vector<StatedToken> added;
};

}  // namespace zebra
