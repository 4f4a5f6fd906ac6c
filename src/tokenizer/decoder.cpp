#include "tokenizer/decoder.h"

#include "base/text.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/json_parts.h"
#include "tokenizer/split.h"
#include "tokenizer/unicode.h"

namespace zebra {

namespace {

using Tokens = std::vector<std::string>;

// A token of other characters than the byte alphabet's (an added one) stands for itself.
void append_bytes(std::string& out, const std::string& token) {
  const size_t before = out.size();
  for (size_t at = 0; at < token.size();) {
    const auto next = unicode::decode(token, at);
    const int byte = character_byte(next.c);
    if (byte < 0) {
      out.resize(before);
      out += token;
      return;
    }
    out.push_back(static_cast<char>(byte));
    at += next.bytes;
  }
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

// The byte of "<0xE2>", or -1. Rust's parser takes a sign before one digit too.
int token_byte(const std::string& token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token.back() != '>') return -1;
  const int high = token[3] == '+' ? 0 : hex_digit(token[3]), low = hex_digit(token[4]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

// Runs of byte tokens become their text, or one U+FFFD a byte if they are not UTF-8.
Tokens join_bytes(const Tokens& tokens) {
  Tokens out;
  std::string bytes;
  const auto flush = [&] {
    if (unicode::valid(bytes)) {
      if (!bytes.empty()) out.push_back(bytes);
    } else {
      out.insert(out.end(), bytes.size(), "\xEF\xBF\xBD");
    }
    bytes.clear();
  };
  for (const auto& token : tokens) {
    if (const int byte = token_byte(token); byte >= 0) {
      bytes.push_back(static_cast<char>(byte));
    } else {
      flush();
      out.push_back(token);
    }
  }
  flush();
  return out;
}

void strip(std::string& token, const std::string& content, size_t start, size_t stop) {
  std::string_view kept = token;
  for (size_t i = 0; i < start && kept.starts_with(content); ++i) kept.remove_prefix(content.size());
  for (size_t i = 0; i < stop && kept.ends_with(content); ++i) kept.remove_suffix(content.size());
  token = std::string(kept);
}

}  // namespace

Decoder Decoder::parse(const Json& json, const std::string& where) {
  Decoder decoder;
  decoder.plain_ = json.is_null();
  if (!decoder.plain_) decoder.add(json, where);
  return decoder;
}

void Decoder::add(const Json& json, const std::string& where) {
  const std::string type = part_type(json, where);
  if (type == "Sequence") {
    for (const auto& part : part_list(json, "decoders", where)) add(part, where);
  } else if (type == "ByteLevel") {
    steps_.push_back({.kind = Kind::byte_level});
  } else if (type == "ByteFallback") {
    steps_.push_back({.kind = Kind::byte_fallback});
  } else if (type == "Fuse") {
    steps_.push_back({.kind = Kind::fuse});
  } else if (type == "Replace") {
    steps_.push_back({.kind = Kind::replace,
                      .pattern = literal_pattern(json, where),
                      .content = json_get<std::string>(json, "content", where)});
  } else if (type == "Strip") {
    const auto start = json_get<int64_t>(json, "start", where), stop = json_get<int64_t>(json, "stop", where);
    if (start < 0 || stop < 0) fail_input(where, ": expected start and stop from 0, found ", start, " and ", stop);
    steps_.push_back({.kind = Kind::strip,
                      .content = one_character(json, "content", where),
                      .start = static_cast<size_t>(start),
                      .stop = static_cast<size_t>(stop)});
  } else if (type == "Metaspace") {
    const bool add_prefix_space = json_get<bool>(json, "add_prefix_space", true, where);
    const std::string scheme =
        json_get<std::string>(json, "prepend_scheme", add_prefix_space ? "always" : "never", where);
    steps_.push_back({.kind = Kind::metaspace,
                      .content = one_character(json, "replacement", where),
                      .drop_first = scheme != "never"});
  } else {
    fail_part(where, type, "ByteLevel, ByteFallback, Fuse, Replace, Strip, Metaspace or Sequence");
  }
}

std::string Decoder::decode(Tokens tokens) const {
  if (plain_) return join(tokens, " ");
  for (const auto& step : steps_) {
    switch (step.kind) {
      case Kind::byte_level: {
        std::string bytes;
        for (const auto& token : tokens) append_bytes(bytes, token);
        tokens.assign(1, unicode::lossy(bytes));
        break;
      }
      case Kind::replace:
        for (auto& token : tokens) token = replace_literal(token, step.pattern, step.content);
        break;
      case Kind::byte_fallback:
        tokens = join_bytes(tokens);
        break;
      case Kind::fuse:
        tokens.assign(1, join(tokens, ""));
        break;
      case Kind::strip:
        for (auto& token : tokens) strip(token, step.content, step.start, step.stop);
        break;
      case Kind::metaspace:
        for (size_t i = 0; i < tokens.size(); ++i) {
          tokens[i] = replace_literal(tokens[i], step.content, i == 0 && step.drop_first ? "" : " ");
        }
        break;
    }
  }
  return join(tokens, "");
}

}  // namespace zebra
