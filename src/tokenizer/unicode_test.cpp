#include "tokenizer/unicode.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "tokenizer/normalize.h"

namespace zebra::unicode {
namespace {

int count(uint8_t property) {
  int found = 0;
  for (char32_t c = 0; c < 0x110000; ++c) found += has(c, property);
  return found;
}

// Counts of the regular expressions and of Rust's is_numeric in tokenizers 0.23.3.
TEST(Unicode, PropertiesHaveTheExpectedSize) {
  EXPECT_EQ(count(kLetter), 141028);
  EXPECT_EQ(count(kNumber), 1911);
  EXPECT_EQ(count(kNumeric), 1924);
  EXPECT_EQ(count(kSpace), 25);
  EXPECT_FALSE(properties(0x110000));
  EXPECT_FALSE(properties(0xFFFFFFFF));
}

TEST(Unicode, LossyReplacesMaximalParts) {
  const std::string r = "\xEF\xBF\xBD";
  EXPECT_EQ(lossy("a\x80z"), "a" + r + "z");
  EXPECT_EQ(lossy("\xE2\x82"), r);                      // cut at the end
  EXPECT_EQ(lossy("\xE2\x82z"), r + "z");               // cut in the middle
  EXPECT_EQ(lossy("\xC0\xAF"), r + r);                  // overlong
  EXPECT_EQ(lossy("\xED\xA0\x80"), r + r + r);          // surrogate
  EXPECT_EQ(lossy("\xF4\x90\x80\x80"), r + r + r + r);  // beyond U+10FFFF
  EXPECT_EQ(lossy("\xF0\x9F\x92"), r);
  EXPECT_TRUE(valid("\xF0\x9F\xA6\x93"));
}

TEST(Unicode, CodePointsSurviveTheRoundTrip) {
  for (char32_t c = 0; c < 0x110000; c += c < 0x3000 ? 1 : 37) {
    if (c >= 0xD800 && c < 0xE000) continue;
    std::string text;
    append(text, c);
    ASSERT_TRUE(valid(text));
    ASSERT_EQ(decode(text, 0).c, c);
    ASSERT_EQ(previous("x" + text, text.size() + 1), 1u);
  }
}

TEST(Normalize, KnownForms) {
  EXPECT_EQ(normalize("e\u0301", Form::nfc), "é");
  EXPECT_EQ(normalize("é", Form::nfd), "e\u0301");
  EXPECT_EQ(normalize("a\u0301\u0323", Form::nfc), "\u1EA1\u0301");  // marks change places first
  EXPECT_EQ(normalize("\u1112\u1161\u11AB", Form::nfc), "한");
  EXPECT_EQ(normalize("한", Form::nfd), "\u1112\u1161\u11AB");
  EXPECT_EQ(normalize("\uFB01½\u2460", Form::nfkc), "fi1\u204421");
  EXPECT_EQ(normalize("\u212B", Form::nfc), "Å");
  EXPECT_EQ(normalize("\u0958", Form::nfc), "\u0915\u093C");  // a composition exclusion
}

TEST(Normalize, FormsAreConsistent) {
  Rng rng(3);
  const char32_t pools[][2] = {{0x41, 0x7A},     {0xC0, 0x24F},  {0x300, 0x36F},  {0x1100, 0x11FF},
                               {0xAC00, 0xD7A3}, {0x900, 0xDFF}, {0xF900, 0xFB4F}};
  for (int i = 0; i < 3000; ++i) {
    std::string text;
    for (uint64_t n = rng.below(9); n > 0; --n) {
      const auto& [low, high] = pools[rng.below(std::size(pools))];
      append(text, low + static_cast<char32_t>(rng.below(high - low + 1)));
    }
    const std::string nfc = normalize(text, Form::nfc), nfd = normalize(text, Form::nfd);
    EXPECT_EQ(normalize(nfc, Form::nfc), nfc);
    EXPECT_EQ(normalize(nfd, Form::nfc), nfc);
    EXPECT_EQ(normalize(nfc, Form::nfd), nfd);
    EXPECT_EQ(normalize(nfc, Form::nfkd), normalize(text, Form::nfkd));
  }
}

TEST(Lower, OneAndTwoCharacters) {
  std::u32string out;
  for (const char32_t c : U"AßÉΣЖǅ\U00010400\u0130z") append_lower(out, c);
  out.pop_back();  // the literal's end
  EXPECT_EQ(to_utf8(out), "aßéσжǆ\U00010428i\u0307z");
}

}  // namespace
}  // namespace zebra::unicode
