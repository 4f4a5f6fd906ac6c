#include "infer/text_stream.h"

namespace zebra {

namespace {

// Decoders write U+FFFD for bytes that are no whole character yet.
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

bool ends_open(const std::string& text) {
  return text.size() >= kReplacement.size() &&
         std::string_view(text).substr(text.size() - kReplacement.size()) == kReplacement;
}

constexpr size_t kContext = 4;       // tokens before the new ones that decoding sees
constexpr size_t kLongestHeld = 16;  // tokens: what is still no character by then never becomes one

}  // namespace

TextStream::TextStream(const Tokenizer& tokenizer, std::vector<int64_t> before)
    : tokenizer_(tokenizer),
      ids_(std::move(before)),
      context_(ids_.size() > kContext ? ids_.size() - kContext : 0),
      shown_(ids_.size()) {}

std::string TextStream::decode(size_t from, size_t to) const {
  return tokenizer_.decode(
      {ids_.begin() + static_cast<std::ptrdiff_t>(from), ids_.begin() + static_cast<std::ptrdiff_t>(to)}, true);
}

std::string TextStream::add(int64_t id) {
  ids_.push_back(id);
  const std::string text = decode(context_, ids_.size());
  if (ends_open(text) && ids_.size() - shown_ < kLongestHeld) return "";
  return finish();
}

std::string TextStream::finish() {
  const std::string before = decode(context_, shown_), text = decode(context_, ids_.size());
  context_ = shown_;
  shown_ = ids_.size();
  return text.size() > before.size() ? text.substr(before.size()) : "";
}

}  // namespace zebra
