#pragma once
// The "pre_tokenizer" of tokenizer.json: text becomes the words that the model sees one at a time.
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "io/json.h"
#include "tokenizer/split.h"

namespace zebra {

class PreTokenizer {
 public:
  using Sink = std::function<void(std::string_view word)>;

  static PreTokenizer parse(const Json& json, const std::string& where);  // null = the text is one word
  // `at_start`: the text stands at the start of the input. Words are views that live until the sink returns.
  void apply(std::string_view text, bool at_start, const Sink& sink) const;

 private:
  enum class Kind { words, literal, digits, byte_level, metaspace };
  enum class Prepend { always, first, never };
  struct Step {
    Kind kind;
    WordPattern pattern = WordPattern::gpt2;  // words, byte_level
    std::string literal;                      // literal; the replacement of metaspace
    SplitBehavior behavior = SplitBehavior::isolated;
    bool invert = false, split = true, add_prefix_space = false;
    Prepend prepend = Prepend::never;
  };
  struct Scratch {
    std::string text, mapped;
    std::vector<Span> spans;
  };

  void add(const Json& json, const std::string& where);
  void add_split(const Json& json, const std::string& where);
  void add_metaspace(const Json& json, const std::string& where);
  void run(size_t step, std::string_view text, bool at_start, std::vector<Scratch>& scratch, const Sink& sink) const;

  std::vector<Step> steps_;
};

}  // namespace zebra
