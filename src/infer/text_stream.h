#pragma once
// Text of tokens as they come. A character may span several tokens: its bytes are held back until it is whole.
#include <string>
#include <vector>

#include "tokenizer/tokenizer.h"

namespace zebra {

class TextStream {
 public:
  // `before` are the tokens that the text continues: the first new token may need them for its leading space.
  TextStream(const Tokenizer& tokenizer, std::vector<int64_t> before);

  std::string add(int64_t id);  // the text that became certain with this token
  std::string finish();         // what was held back

 private:
  std::string decode(size_t from, size_t to) const;

  const Tokenizer& tokenizer_;
  std::vector<int64_t> ids_;
  size_t context_, shown_;  // text of ids_[context_, shown_) is out; what lies before context_ has no influence
};

}  // namespace zebra
