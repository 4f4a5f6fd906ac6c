#pragma once
// The "decoder" of tokenizer.json: tokens become text.
#include <string>
#include <vector>

#include "io/json.h"

namespace zebra {

class Decoder {
 public:
  static Decoder parse(const Json& json, const std::string& where);  // null = tokens joined by spaces
  std::string decode(std::vector<std::string> tokens) const;

 private:
  enum class Kind { byte_level, replace, byte_fallback, fuse, strip, metaspace };
  struct Step {
    Kind kind;
    std::string pattern, content;  // one character for strip and metaspace (content)
    size_t start = 0, stop = 0;    // strip: how many at either end
    bool drop_first = false;       // metaspace: none at the start of the text
  };
  void add(const Json& json, const std::string& where);
  bool plain_ = true;  // no decoder
  std::vector<Step> steps_;
};

}  // namespace zebra
