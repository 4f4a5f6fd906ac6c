#pragma once
// The "normalizer" of tokenizer.json.
#include <string>
#include <vector>

#include "io/json.h"
#include "tokenizer/normalize.h"

namespace zebra {

class Normalizer {
 public:
  static Normalizer parse(const Json& json, const std::string& where);  // null = none
  bool empty() const { return steps_.empty(); }
  // `at_start` says that the text stands at the start of the input; it becomes false where the first character kept
  // no longer comes from there (Metaspace asks).
  void apply(std::string& text, bool& at_start) const;

 private:
  enum class Kind { form, prepend, replace, lowercase, strip };
  struct Step {
    Kind kind;
    unicode::Form form = unicode::Form::nfc;
    std::string pattern, content;
    bool left = false, right = false;
  };
  void add(const Json& json, const std::string& where);
  std::vector<Step> steps_;
};

}  // namespace zebra
