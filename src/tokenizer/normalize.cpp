#include "tokenizer/normalize.h"

#include <algorithm>

#include "tokenizer/unicode.h"
#include "tokenizer/unicode_tables.h"

namespace zebra::unicode {

namespace {

// Hangul syllables are arithmetic (Unicode 3.12).
constexpr char32_t kSBase = 0xAC00, kLBase = 0x1100, kVBase = 0x1161, kTBase = 0x11A7;
constexpr char32_t kLCount = 19, kVCount = 21, kTCount = 28, kSCount = kLCount * kVCount * kTCount;

uint32_t combining_class(char32_t c) {
  if (c < 0x300) return 0;
  const auto* end = kCombiningClasses + kCombiningClassesCount;
  const auto* found =
      std::lower_bound(kCombiningClasses, end, c, [](const PropertyRange& r, char32_t x) { return r.last < x; });
  return found != end && c >= found->first ? found->value : 0;
}

bool append_mapping(std::u32string& out, char32_t c, const Decomposition* table, size_t count) {
  const auto* end = table + count;
  const auto* found =
      std::lower_bound(table, end, c, [](const Decomposition& d, char32_t x) { return d.code_point < x; });
  if (found == end || found->code_point != c) return false;
  out.append(kDecompositionPool + found->offset, found->length);
  return true;
}

void append_decomposed(std::u32string& out, char32_t c, bool compatible) {
  if (c < 0x80) {
    out.push_back(c);
  } else if (c >= kSBase && c < kSBase + kSCount) {
    const char32_t index = c - kSBase;
    out.push_back(kLBase + index / (kVCount * kTCount));
    out.push_back(kVBase + index % (kVCount * kTCount) / kTCount);
    if (index % kTCount) out.push_back(kTBase + index % kTCount);
  } else if (!(compatible && append_mapping(out, c, kCompatible, kCompatibleCount)) &&
             !append_mapping(out, c, kCanonical, kCanonicalCount)) {
    out.push_back(c);
  }
}

// Runs of combining marks in order of their classes; the sort is stable and n log n, so a text of marks is no trap.
void reorder(std::u32string& text) {
  for (size_t at = 0; at < text.size();) {
    if (combining_class(text[at]) == 0) {
      ++at;
      continue;
    }
    size_t end = at + 1;
    while (end < text.size() && combining_class(text[end]) != 0) ++end;
    std::stable_sort(text.begin() + static_cast<long>(at), text.begin() + static_cast<long>(end),
                     [](char32_t a, char32_t b) { return combining_class(a) < combining_class(b); });
    at = end;
  }
}

// The primary composite of a pair, or 0.
char32_t composed(char32_t first, char32_t second) {
  if (first >= kLBase && first < kLBase + kLCount && second >= kVBase && second < kVBase + kVCount) {
    return kSBase + ((first - kLBase) * kVCount + second - kVBase) * kTCount;
  }
  if (first >= kSBase && first < kSBase + kSCount && (first - kSBase) % kTCount == 0 && second > kTBase &&
      second < kTBase + kTCount) {
    return first + second - kTBase;
  }
  const auto* end = kCompositions + kCompositionsCount;
  const auto* found = std::lower_bound(kCompositions, end, 0, [&](const Composition& entry, int) {
    return entry.first != first ? entry.first < first : entry.second < second;
  });
  return found != end && found->first == first && found->second == second ? found->composed : 0;
}

void compose(std::u32string& text) {
  size_t out = 0, starter = 0;
  bool has_starter = false;
  uint32_t last_class = 0;  // of the character before, when it did not compose
  for (const char32_t c : text) {
    const uint32_t own_class = combining_class(c);
    const bool adjacent = has_starter && out == starter + 1;
    if (has_starter && (adjacent || (last_class != 0 && last_class < own_class))) {
      if (const char32_t both = composed(text[starter], c)) {
        text[starter] = both;
        continue;
      }
    }
    if (own_class == 0) starter = out, has_starter = true;
    last_class = own_class;
    text[out++] = c;
  }
  text.resize(out);
}

}  // namespace

std::string normalize(std::string_view text, Form form) {
  // ASCII is unchanged in every form.
  if (std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; })) {
    return std::string(text);
  }
  std::u32string out;
  out.reserve(text.size());
  const bool compatible = form == Form::nfkc || form == Form::nfkd;
  for (size_t at = 0; at < text.size();) {
    const Decoded next = decode(text, at);
    append_decomposed(out, next.c, compatible);
    at += next.bytes;
  }
  reorder(out);
  if (form == Form::nfc || form == Form::nfkc) compose(out);
  return to_utf8(out);
}

}  // namespace zebra::unicode
