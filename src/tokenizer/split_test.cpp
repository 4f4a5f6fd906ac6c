#include "tokenizer/split.h"

#include <gtest/gtest.h>

namespace zebra {
namespace {

using Words = std::vector<std::string>;

Words words(WordPattern pattern, const std::string& text) {
  std::vector<Span> spans;
  find_words(pattern, text, spans);
  Words out;
  for (const Span& span : spans) out.push_back(text.substr(span.begin, span.end - span.begin));
  return out;
}

TEST(Split, Gpt2) {
  EXPECT_EQ(words(WordPattern::gpt2, "It's 12345 o'clock,  he'LL go!\n\n"),
            (Words{"It", "'s", " 12345", " o", "'", "clock", ",", " ", " he", "'", "LL", " go", "!", "\n\n"}));
  EXPECT_EQ(words(WordPattern::gpt2, "a \tb"), (Words{"a", " ", "\t", "b"}));
}

TEST(Split, Llama3) {
  EXPECT_EQ(words(WordPattern::llama3, "It'S 12345 (x)!\r\n  \n  he"),
            (Words{"It", "'S", " ", "123", "45", " (", "x", ")!\r\n", "  \n", " ", " he"}));
  EXPECT_EQ(words(WordPattern::llama3, "we\u2019ve x'\u017Fy"), (Words{"we", "\u2019ve", " x", "'\u017F", "y"}));
}

TEST(Split, Qwen2) {
  EXPECT_EQ(words(WordPattern::qwen2, "a 12\tb"), (Words{"a", " ", "1", "2", "\tb"}));
}

TEST(Split, WordsCoverTheText) {
  const std::string text = " \t\n'x''ll 9\u0663\u00BD é\u0301 日本 \u3000\u2028👍 - ";
  for (const auto pattern : {WordPattern::gpt2, WordPattern::llama3, WordPattern::qwen2}) {
    std::string joined;
    for (const auto& word : words(pattern, text)) {
      EXPECT_FALSE(word.empty());
      joined += word;
    }
    EXPECT_EQ(joined, text);
    EXPECT_EQ(known_pattern(pattern_regex(pattern)), pattern);
  }
  EXPECT_FALSE(known_pattern(".*"));
}

Words treated(SplitBehavior behavior, bool invert = false) {
  const std::string text = "--a-b";
  std::vector<Span> spans;
  find_literal("-", text, spans);
  apply_behavior(behavior, invert, spans);
  Words out;
  for (const Span& span : spans) out.push_back(text.substr(span.begin, span.end - span.begin));
  return out;
}

TEST(Split, Behaviors) {
  EXPECT_EQ(treated(SplitBehavior::isolated), (Words{"-", "-", "a", "-", "b"}));
  EXPECT_EQ(treated(SplitBehavior::removed), (Words{"a", "b"}));
  EXPECT_EQ(treated(SplitBehavior::removed, true), (Words{"-", "-", "-"}));
  EXPECT_EQ(treated(SplitBehavior::contiguous), (Words{"--", "a", "-", "b"}));
  EXPECT_EQ(treated(SplitBehavior::merged_with_previous), (Words{"-", "-", "a-", "b"}));
  EXPECT_EQ(treated(SplitBehavior::merged_with_next), (Words{"-", "-a", "-b"}));
}

TEST(Split, ReplaceLiteral) {
  EXPECT_EQ(replace_literal("aXXbXX", "XX", "X"), "aXbX");
  EXPECT_EQ(replace_literal("XXX", "XX", ""), "X");
  EXPECT_EQ(replace_literal("", "X", "y"), "");
}

}  // namespace
}  // namespace zebra
