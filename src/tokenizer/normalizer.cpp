#include "tokenizer/normalizer.h"

#include <map>

#include "tokenizer/json_parts.h"
#include "tokenizer/split.h"
#include "tokenizer/unicode.h"

namespace zebra {

namespace {

std::string lowered(std::string_view text) {
  std::u32string out;
  for (const char32_t c : unicode::to_utf32(text)) unicode::append_lower(out, c);
  return unicode::to_utf8(out);
}

void strip(std::string& text, bool left, bool right, bool& at_start) {
  const auto space = [&](size_t at) { return unicode::has(unicode::decode(text, at).c, unicode::kSpace); };
  size_t begin = 0, end = text.size();
  while (left && begin < end && space(begin)) begin += unicode::decode(text, begin).bytes;
  while (right && end > begin) {
    const size_t before = unicode::previous(text, end);
    if (!space(before)) break;
    end = before;
  }
  if (begin > 0) at_start = false;
  text = text.substr(begin, end - begin);
}

void replace(std::string& text, const std::string& pattern, const std::string& content, bool& at_start) {
  // What replaces a first match takes the place of the match's last character.
  const bool one_character = unicode::decode(pattern, 0).bytes == pattern.size();
  if (text.starts_with(pattern) && (content.empty() || !one_character)) at_start = false;
  text = replace_literal(text, pattern, content);
}

}  // namespace

Normalizer Normalizer::parse(const Json& json, const std::string& where) {
  Normalizer normalizer;
  if (!json.is_null()) normalizer.add(json, where);
  return normalizer;
}

void Normalizer::add(const Json& json, const std::string& where) {
  static const std::map<std::string, unicode::Form> forms = {{"NFC", unicode::Form::nfc},
                                                             {"NFD", unicode::Form::nfd},
                                                             {"NFKC", unicode::Form::nfkc},
                                                             {"NFKD", unicode::Form::nfkd}};
  const std::string type = part_type(json, where);
  if (type == "Sequence") {
    for (const auto& part : part_list(json, "normalizers", where)) add(part, where);
  } else if (const auto form = forms.find(type); form != forms.end()) {
    steps_.push_back({.kind = Kind::form, .form = form->second});
  } else if (type == "Prepend") {
    steps_.push_back({.kind = Kind::prepend, .content = json_get<std::string>(json, "prepend", where)});
  } else if (type == "Replace") {
    steps_.push_back({.kind = Kind::replace,
                      .pattern = literal_pattern(json, where),
                      .content = json_get<std::string>(json, "content", where)});
  } else if (type == "Lowercase") {
    steps_.push_back({.kind = Kind::lowercase});
  } else if (type == "Strip") {
    steps_.push_back({.kind = Kind::strip,
                      .left = json_get<bool>(json, "strip_left", where),
                      .right = json_get<bool>(json, "strip_right", where)});
  } else {
    fail_part(where, type, "NFC, NFD, NFKC, NFKD, Prepend, Replace, Lowercase, Strip or Sequence");
  }
}

void Normalizer::apply(std::string& text, bool& at_start) const {
  for (const auto& step : steps_) {
    if (text.empty()) return;
    switch (step.kind) {
      case Kind::form:
        text = unicode::normalize(text, step.form);
        break;
      case Kind::prepend:
        text.insert(0, step.content);
        break;
      case Kind::replace:
        replace(text, step.pattern, step.content, at_start);
        break;
      case Kind::lowercase:
        text = lowered(text);
        break;
      case Kind::strip:
        strip(text, step.left, step.right, at_start);
        break;
    }
  }
}

}  // namespace zebra
