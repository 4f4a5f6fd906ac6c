#pragma once
// Cutting text into words: hand-written scanners for the regular expressions of the known families, and Hugging Face's
// ways of treating what a pattern matched.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace zebra {

struct Span {
  size_t begin, end;
  bool match;
};

enum class WordPattern { gpt2, llama3, qwen2 };

// The family whose regular expression this is, by its exact text.
std::optional<WordPattern> known_pattern(std::string_view regex);
const char* pattern_regex(WordPattern pattern);

// Each of these covers `text` (valid UTF-8) with spans, in order.
void find_words(WordPattern pattern, std::string_view text, std::vector<Span>& out);
void find_literal(std::string_view literal, std::string_view text, std::vector<Span>& out);
std::string replace_literal(std::string_view text, std::string_view literal, std::string_view content);
void find_numeric(std::string_view text, std::vector<Span>& out);

enum class SplitBehavior { isolated, removed, contiguous, merged_with_previous, merged_with_next };
void apply_behavior(SplitBehavior behavior, bool invert, std::vector<Span>& spans);

}  // namespace zebra
