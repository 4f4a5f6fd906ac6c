#include "tokenizer/added_tokens.h"

#include <algorithm>

#include "base/log.h"
#include "tokenizer/unicode.h"

namespace zebra {

namespace {

// The search walks at most this far from every position.
constexpr size_t kMaxLength = 1024;

bool word_before(std::string_view text, size_t at) {
  return at > 0 && unicode::has(unicode::decode(text, unicode::previous(text, at)).c, unicode::kWord);
}

bool word_after(std::string_view text, size_t at) {
  return at < text.size() && unicode::has(unicode::decode(text, at).c, unicode::kWord);
}

}  // namespace

AddedTokens::AddedTokens(const Json& json, const std::string& where, const Bpe& model, const Normalizer& normalizer) {
  if (json.is_null()) return;
  if (!json.is_array()) fail_input(where, ": expected an array, found ", json.dump().substr(0, 80));
  // Hugging Face goes by the content and numbers new tokens itself: from the vocabulary's size on.
  auto next_id = static_cast<int64_t>(model.vocab().size());
  for (const auto& entry : json) {
    if (!entry.is_object()) fail_input(where, ": expected objects, found ", entry.dump().substr(0, 80));
    AddedToken token;
    token.content = json_get<std::string>(entry, "content", where);
    token.single_word = json_get<bool>(entry, "single_word", false, where);
    token.left_strip = json_get<bool>(entry, "lstrip", false, where);
    token.right_strip = json_get<bool>(entry, "rstrip", false, where);
    token.special = json_get<bool>(entry, "special", false, where);
    token.normalized = json_get<bool>(entry, "normalized", !token.special, where);
    if (token.content.empty()) continue;
    if (token.content.size() > kMaxLength) {
      fail_input(where, ": expected tokens of at most ", kMaxLength, " bytes, found one of ", token.content.size());
    }
    token.match = token.content;
    bool at_start = true;
    if (token.normalized) normalizer.apply(token.match, at_start);

    int64_t id = this->id(token.content);
    if (id < 0) id = model.id(token.content);
    if (id < 0) id = next_id++;
    const auto stated = json_get<int64_t>(entry, "id", where);
    if (stated != id) {
      log_warning(cat(where, ": token \"", token.content, "\" says id ", stated, " and gets ", id,
                      ", as in Hugging Face tokenizers"));
    }
    ids_[token.content] = id;
    if (token.special) special_.insert(token.content);
    by_id_[id] = std::move(token);
  }
  for (const auto& [id, token] : by_id_) insert(token.normalized ? normalized_ : plain_, token.match, id, where);
}

void AddedTokens::insert(Trie& trie, const std::string& text, int64_t id, const std::string& where) {
  if (text.empty()) return;
  trie.starts[static_cast<unsigned char>(text[0])] = true;
  uint32_t node = 0;
  for (const char c : text) {
    const auto [edge, created] =
        trie.nodes[node].next.try_emplace(static_cast<unsigned char>(c), static_cast<uint32_t>(trie.nodes.size()));
    node = edge->second;
    if (created) trie.nodes.emplace_back();
  }
  if (trie.nodes[node].id >= 0) {
    fail_input(where, ": expected different tokens, found ids ", trie.nodes[node].id, " and ", id, " for one text \"",
               text.substr(0, 80), "\"");
  }
  trie.nodes[node].id = id;
}

// Leftmost, then longest; a match that is not a single word where it must be is passed over whole.
std::vector<TextPart> AddedTokens::split(std::string_view text, bool normalized) const {
  const Trie& trie = normalized ? normalized_ : plain_;
  std::vector<TextPart> parts;
  size_t done = 0;  // what lies before is in `parts`
  for (size_t at = 0; at < text.size();) {
    if (!trie.starts[static_cast<unsigned char>(text[at])]) {
      ++at;
      continue;
    }
    int64_t id = -1;
    size_t end = at;
    uint32_t node = 0;
    for (size_t i = at; i < text.size(); ++i) {
      const auto edge = trie.nodes[node].next.find(static_cast<unsigned char>(text[i]));
      if (edge == trie.nodes[node].next.end()) break;
      node = edge->second;
      if (trie.nodes[node].id >= 0) id = trie.nodes[node].id, end = i + 1;
    }
    if (id < 0) {
      ++at;
      continue;
    }
    const AddedToken& token = by_id_.at(id);
    size_t begin = at, stop = end;
    at = end;
    if (token.single_word && (word_before(text, begin) || word_after(text, stop))) continue;
    const auto space = [&](size_t i) { return unicode::has(unicode::decode(text, i).c, unicode::kSpace); };
    while (token.left_strip && begin > done) {
      const size_t before = unicode::previous(text, begin);
      if (!space(before)) break;
      begin = before;
    }
    while (token.right_strip && stop < text.size() && space(stop)) stop += unicode::decode(text, stop).bytes;
    if (done < begin) parts.push_back({text.substr(done, begin - done), -1});
    parts.push_back({{}, id});
    done = stop;
  }
  if (done < text.size()) parts.push_back({text.substr(done), -1});
  return parts;
}

const AddedToken* AddedTokens::find(int64_t id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &found->second;
}

int64_t AddedTokens::id(std::string_view content) const {
  const auto found = ids_.find(content);
  return found == ids_.end() ? -1 : found->second;
}

}  // namespace zebra
