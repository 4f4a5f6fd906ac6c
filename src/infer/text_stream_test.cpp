// Streamed pieces put together are the decoded whole, and every piece is whole characters.
#include "infer/text_stream.h"

#include <gtest/gtest.h>

#include "support/scratch.h"

namespace zebra {
namespace {

class TextStreamTest : public testing::TestWithParam<const char*> {};

TEST_P(TextStreamTest, PiecesMakeTheWhole) {
  const ScratchFolder scratch;
  fs::copy_file(fs::path("tests/golden/tokenizer") / GetParam(), scratch.path / "tokenizer.json");
  const Tokenizer tokenizer = Tokenizer::load(scratch.path);
  const std::string prompt = "Once upon";
  for (const std::string text :
       {" a time, a girl", "  two  spaces", " caf\xC3\xA9 \xE6\x97\xA5\xE6\x9C\xAC \xF0\x9F\xA6\x93!"}) {
    const std::vector<int64_t> before = tokenizer.encode(prompt, true);
    std::vector<int64_t> all = before;
    TextStream stream(tokenizer, before);
    std::string streamed;
    for (const int64_t id : tokenizer.encode(text, false)) {
      const std::string piece = stream.add(id);
      EXPECT_EQ(piece.find("\xEF\xBF\xBD"), std::string::npos) << "half a character: " << piece;
      streamed += piece;
      all.push_back(id);
    }
    streamed += stream.finish();
    const std::string start = tokenizer.decode(before, true);
    EXPECT_EQ(start + streamed, tokenizer.decode(all, true));
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, TextStreamTest, testing::Values("byte_level.json", "sentencepiece.json"),
                         [](const auto& info) { return std::string(info.param).substr(0, 4); });

}  // namespace
}  // namespace zebra
