#include "tokenizer/split.h"

#include <algorithm>

#include "tokenizer/unicode.h"

namespace zebra {

namespace {

using unicode::kLetter;
using unicode::kNumber;
using unicode::kSpace;

constexpr const char* kGpt2 = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr const char* kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

// A position in the text with the class of the code point there.
struct Cursor {
  std::string_view text;
  size_t at;
  char32_t c = 0;
  uint32_t bytes = 0;
  uint8_t kind = 0;  // kLetter, kNumber, kSpace, or 0 for anything else

  Cursor(std::string_view whole, size_t begin) : text(whole), at(begin) { load(); }
  bool done() const { return at >= text.size(); }
  void step() {
    at += bytes;
    load();
  }
  bool other() const { return !done() && kind == 0; }
  bool is(uint8_t wanted) const { return !done() && kind == wanted; }
  bool newline() const { return !done() && (c == '\r' || c == '\n'); }

 private:
  void load() {
    if (done()) return;
    const auto next = unicode::decode(text, at);
    c = next.c;
    bytes = next.bytes;
    kind = unicode::properties(c) & (kLetter | kNumber | kSpace);
  }
};

// End of 's 't 're 've 'm 'll 'd at the apostrophe `at`, or 0. Without case, U+017F (long s) is an s too.
size_t contraction(std::string_view text, size_t at, bool any_case) {
  const auto letter = [&](size_t i) -> char {
    if (at + i >= text.size()) return 0;
    const char c = text[at + i];
    return any_case && c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  };
  if (any_case && text.substr(at + 1, 2) == "\xC5\xBF") return at + 3;
  const char first = letter(1), second = letter(2);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return at + 2;
  if ((first == 'r' && second == 'e') || (first == 'v' && second == 'e') || (first == 'l' && second == 'l'))
    return at + 3;
  return 0;
}

// \s+(?!\S)|\s+ : white space leaves its last character to the word that follows.
size_t space_end(const Cursor& start) {
  Cursor cursor = start;
  size_t last = cursor.at;
  while (cursor.is(kSpace)) {
    last = cursor.at;
    cursor.step();
  }
  return cursor.done() || last == start.at ? cursor.at : last;
}

size_t gpt2_end(const Cursor& start) {
  if (start.c == '\'') {
    if (const size_t end = contraction(start.text, start.at, false)) return end;
  }
  Cursor cursor = start;
  if (cursor.c == ' ') cursor.step();
  if (cursor.done() || cursor.is(kSpace)) return space_end(start);
  const uint8_t kind = cursor.kind;
  while (!cursor.done() && cursor.kind == kind) cursor.step();
  return cursor.at;
}

size_t llama3_end(const Cursor& start, int digits) {
  if (start.c == '\'') {
    if (const size_t end = contraction(start.text, start.at, true)) return end;
  }
  Cursor cursor = start;
  if (cursor.kind == kNumber) {
    for (int i = 0; i < digits && cursor.is(kNumber); ++i) cursor.step();
    return cursor.at;
  }
  if (cursor.kind != kLetter && !cursor.newline()) cursor.step();
  if (cursor.is(kLetter)) {
    while (cursor.is(kLetter)) cursor.step();
    return cursor.at;
  }
  cursor = start;
  if (cursor.c == ' ') cursor.step();
  if (cursor.other()) {
    while (cursor.other()) cursor.step();
    while (cursor.newline()) cursor.step();
    return cursor.at;
  }
  size_t after_newline = 0;  // \s*[\r\n]+ ends at the last line break of the white space
  for (cursor = start; cursor.is(kSpace);) {
    const bool newline = cursor.newline();
    cursor.step();
    if (newline) after_newline = cursor.at;
  }
  return after_newline ? after_newline : space_end(start);
}

}  // namespace

std::optional<WordPattern> known_pattern(std::string_view regex) {
  for (const auto pattern : {WordPattern::gpt2, WordPattern::llama3, WordPattern::qwen2}) {
    if (regex == pattern_regex(pattern)) return pattern;
  }
  return std::nullopt;
}

const char* pattern_regex(WordPattern pattern) {
  if (pattern == WordPattern::gpt2) return kGpt2;
  return pattern == WordPattern::llama3 ? kLlama3 : kQwen2;
}

void find_words(WordPattern pattern, std::string_view text, std::vector<Span>& out) {
  out.clear();
  for (size_t at = 0; at < text.size();) {
    const Cursor start(text, at);
    const size_t end =
        pattern == WordPattern::gpt2 ? gpt2_end(start) : llama3_end(start, pattern == WordPattern::llama3 ? 3 : 1);
    out.push_back({at, end, true});
    at = end;
  }
}

void find_literal(std::string_view literal, std::string_view text, std::vector<Span>& out) {
  out.clear();
  size_t at = 0;
  for (size_t found; (found = text.find(literal, at)) != std::string_view::npos; at = found + literal.size()) {
    if (found > at) out.push_back({at, found, false});
    out.push_back({found, found + literal.size(), true});
  }
  if (at < text.size()) out.push_back({at, text.size(), false});
}

std::string replace_literal(std::string_view text, std::string_view literal, std::string_view content) {
  std::string out;
  out.reserve(text.size());
  size_t at = 0;
  for (size_t found; (found = text.find(literal, at)) != std::string_view::npos; at = found + literal.size()) {
    out.append(text.substr(at, found - at)).append(content);
  }
  return out.append(text.substr(at));
}

void find_numeric(std::string_view text, std::vector<Span>& out) {
  out.clear();
  size_t before = 0;
  for (size_t at = 0; at < text.size();) {
    const auto next = unicode::decode(text, at);
    const size_t end = at + next.bytes;
    if (unicode::has(next.c, unicode::kNumeric)) {
      if (before < at) out.push_back({before, at, false});
      out.push_back({at, end, true});
      before = end;
    }
    at = end;
  }
  if (before < text.size()) out.push_back({before, text.size(), false});
}

namespace {

// Joins each span that `joins` its predecessor in the order of the walk.
template <class Iterator, class Joins, class Extend>
size_t merge_runs(Iterator begin, Iterator end, Joins joins, Extend extend) {
  size_t kept = 0;
  bool previous = false;
  for (auto it = begin; it != end; ++it) {
    const Span span = *it;
    if (kept > 0 && joins(span.match, previous)) {
      extend(begin[static_cast<long>(kept) - 1], span);
    } else {
      begin[static_cast<long>(kept++)] = span;
    }
    previous = span.match;
  }
  return kept;
}

}  // namespace

void apply_behavior(SplitBehavior behavior, bool invert, std::vector<Span>& spans) {
  if (invert) {
    for (auto& span : spans) span.match = !span.match;
  }
  const auto to_left = [](Span& left, const Span& span) { left.end = span.end; };
  const auto to_right = [](Span& right, const Span& span) { right.begin = span.begin; };
  const auto delimiter_after_text = [](bool match, bool previous) { return match && !previous; };
  switch (behavior) {
    case SplitBehavior::isolated:
      break;
    case SplitBehavior::removed:
      std::erase_if(spans, [](const Span& span) { return span.match; });
      break;
    case SplitBehavior::contiguous:
      spans.resize(
          merge_runs(spans.begin(), spans.end(), [](bool match, bool previous) { return match == previous; }, to_left));
      break;
    case SplitBehavior::merged_with_previous:
      spans.resize(merge_runs(spans.begin(), spans.end(), delimiter_after_text, to_left));
      break;
    case SplitBehavior::merged_with_next:
      spans.erase(spans.begin(), spans.end() - static_cast<long>(merge_runs(spans.rbegin(), spans.rend(),
                                                                            delimiter_after_text, to_right)));
      break;
  }
}

}  // namespace zebra
