#include "tokenizer/pre_tokenizer.h"

#include <map>

#include "tokenizer/byte_level.h"
#include "tokenizer/json_parts.h"

namespace zebra {

PreTokenizer PreTokenizer::parse(const Json& json, const std::string& where) {
  PreTokenizer out;
  if (!json.is_null()) out.add(json, where);
  return out;
}

void PreTokenizer::add(const Json& json, const std::string& where) {
  const std::string type = part_type(json, where);
  if (type == "Sequence") {
    for (const auto& part : part_list(json, "pretokenizers", where)) add(part, where);
  } else if (type == "Split") {
    add_split(json, where);
  } else if (type == "Digits") {
    const bool single = json_get<bool>(json, "individual_digits", where);
    steps_.push_back({.kind = Kind::digits, .behavior = single ? SplitBehavior::isolated : SplitBehavior::contiguous});
  } else if (type == "ByteLevel") {
    steps_.push_back({.kind = Kind::byte_level,
                      .split = json_get<bool>(json, "use_regex", true, where),
                      .add_prefix_space = json_get<bool>(json, "add_prefix_space", where)});
  } else if (type == "Metaspace") {
    add_metaspace(json, where);
  } else {
    fail_part(where, type, "Split, Digits, ByteLevel, Metaspace or Sequence");
  }
}

void PreTokenizer::add_split(const Json& json, const std::string& where) {
  static const std::map<std::string, SplitBehavior> behaviors = {
      {"Isolated", SplitBehavior::isolated},
      {"Removed", SplitBehavior::removed},
      {"Contiguous", SplitBehavior::contiguous},
      {"MergedWithPrevious", SplitBehavior::merged_with_previous},
      {"MergedWithNext", SplitBehavior::merged_with_next}};
  const std::string name = json_get<std::string>(json, "behavior", where);
  const auto behavior = behaviors.find(name);
  if (behavior == behaviors.end()) {
    fail_input(where, ": key \"behavior\": expected Isolated, Removed, Contiguous, MergedWithPrevious or ",
               "MergedWithNext, found \"", name.substr(0, 80), "\"");
  }
  Step step{
      .kind = Kind::literal, .behavior = behavior->second, .invert = json_get<bool>(json, "invert", false, where)};
  const auto pattern = json.find("pattern");
  if (pattern != json.end() && pattern->is_object() && pattern->contains("Regex")) {
    const std::string regex = json_get<std::string>(*pattern, "Regex", where);
    const auto known = known_pattern(regex);
    if (!known) {
      fail_input(where, ": expected the split pattern of GPT-2, Llama 3 or Qwen2, found \"", regex.substr(0, 400),
                 "\", which zebra does not know");
    }
    step.kind = Kind::words;
    step.pattern = *known;
  } else {
    step.literal = literal_pattern(json, where);
  }
  steps_.push_back(std::move(step));
}

void PreTokenizer::add_metaspace(const Json& json, const std::string& where) {
  static const std::map<std::string, Prepend> schemes = {
      {"always", Prepend::always}, {"first", Prepend::first}, {"never", Prepend::never}};
  // Files before tokenizers 0.14 say only add_prefix_space.
  const bool add_prefix_space = json_get<bool>(json, "add_prefix_space", true, where);
  const std::string name = json_get<std::string>(json, "prepend_scheme", add_prefix_space ? "always" : "never", where);
  const auto scheme = schemes.find(name);
  if (scheme == schemes.end()) {
    fail_input(where, ": key \"prepend_scheme\": expected always, first or never, found \"", name.substr(0, 80), "\"");
  }
  if (!add_prefix_space && scheme->second != Prepend::never) {
    fail_input(where, ": expected prepend_scheme \"never\" beside add_prefix_space false, found \"", name, "\"");
  }
  steps_.push_back({.kind = Kind::metaspace,
                    .literal = one_character(json, "replacement", where),
                    .behavior = SplitBehavior::merged_with_next,
                    .split = json_get<bool>(json, "split", true, where),
                    .prepend = scheme->second});
}

void PreTokenizer::apply(std::string_view text, bool at_start, const Sink& sink) const {
  std::vector<Scratch> scratch(steps_.size());
  run(0, text, at_start, scratch, sink);
}

// Depth first: every span goes through the remaining steps before the next one, so nothing but scratch is copied.
void PreTokenizer::run(size_t index, std::string_view text, bool at_start, std::vector<Scratch>& scratch,
                       const Sink& sink) const {
  if (text.empty()) return;
  if (index == steps_.size()) return sink(text);
  const Step& step = steps_[index];
  Scratch& own = scratch[index];
  switch (step.kind) {
    case Kind::words:
      find_words(step.pattern, text, own.spans);
      break;
    case Kind::literal:
      find_literal(step.literal, text, own.spans);
      break;
    case Kind::digits:
      find_numeric(text, own.spans);
      break;
    case Kind::byte_level:
      if (step.add_prefix_space && text[0] != ' ') text = own.text.assign(" ").append(text);
      if (step.split) {
        find_words(step.pattern, text, own.spans);
      } else {
        own.spans.assign(1, {0, text.size(), true});
      }
      break;
    case Kind::metaspace: {
      own.text.clear();
      for (const char c : text) c == ' ' ? own.text += step.literal : own.text += c;
      const bool prepend = step.prepend == Prepend::always || (step.prepend == Prepend::first && at_start);
      if (prepend && !own.text.starts_with(step.literal)) own.text.insert(0, step.literal);
      text = own.text;
      if (step.split) {
        find_literal(step.literal, text, own.spans);
      } else {
        own.spans.assign(1, {0, text.size(), false});
      }
      break;
    }
  }
  apply_behavior(step.behavior, step.invert, own.spans);
  for (const Span& span : own.spans) {
    std::string_view part = text.substr(span.begin, span.end - span.begin);
    if (step.kind == Kind::byte_level) {
      own.mapped.clear();
      append_byte_level(own.mapped, part);
      part = own.mapped;
    }
    run(index + 1, part, at_start && span.begin == 0, scratch, sink);
  }
}

}  // namespace zebra
