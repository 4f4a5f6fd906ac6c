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

StatedToken read_added_token(const Json& entry, const std::string& where) {
  if (!entry.is_object()) fail_input(where, ": expected objects, found ", entry.dump().substr(0, 80));
  StatedToken stated;
  AddedToken& token = stated.token;
  token.content = json_get<std::string>(entry, "content", where);
  token.single_word = json_get<bool>(entry, "single_word", false, where);
  token.left_strip = json_get<bool>(entry, "lstrip", false, where);
  token.right_strip = json_get<bool>(entry, "rstrip", false, where);
  token.special = token.skipped = json_get<bool>(entry, "special", false, where);
  token.normalized = json_get<bool>(entry, "normalized", !token.special, where);
  stated.id = json_get<int64_t>(entry, "id", where);
  if (token.content.size() > kMaxLength) {
    fail_input(where, ": expected tokens of at most ", kMaxLength, " bytes, found one of ", token.content.size());
  }
  return stated;
}

AddedTokens::AddedTokens(std::vector<StatedToken> stated, const std::string& where, const Bpe& model,
                         const Normalizer& normalizer) {
  // Hugging Face goes by the content and numbers new tokens itself: from the vocabulary's size on.
  auto next_id = static_cast<int64_t>(model.vocab().size());
  const auto hash_of = [this](uint32_t i) { return StringHash{}(tokens_[i].content); };
  for (auto& [token, stated_id] : stated) {
    if (token.content.empty()) continue;
    token.match = token.content;
    bool at_start = true;
    if (token.normalized) normalizer.apply(token.match, at_start);

    const uint32_t known = place(token.content);
    token.id = known != HashIndex::kNone ? tokens_[known].id : model.id(token.content);
    if (token.id < 0) token.id = next_id++;
    if (stated_id != token.id) {
      log_warning(cat(where, ": token \"", token.content, "\" says id ", stated_id, " and gets ", token.id,
                      ", as in Hugging Face tokenizers"));
    }
    if (known != HashIndex::kNone) {
      token.skipped = token.skipped || tokens_[known].skipped;
      tokens_[known] = std::move(token);
    } else {
      tokens_.push_back(std::move(token));
      by_content_.insert(static_cast<uint32_t>(tokens_.size() - 1), hash_of);
    }
  }
  std::stable_sort(tokens_.begin(), tokens_.end(),
                   [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
  by_content_ = HashIndex(tokens_.size());
  for (uint32_t i = 0; i < tokens_.size(); ++i) by_content_.insert(i, hash_of);
  fill(plain_, false, where);
  fill(normalized_, true, where);
}

void AddedTokens::fill(Finder& finder, bool normalized, const std::string& where) const {
  for (const AddedToken& token : tokens_) {
    if (find(token.id) != &token || token.normalized != normalized || token.match.empty()) continue;
    finder.starts[static_cast<unsigned char>(token.match[0])] = true;
    finder.texts.emplace_back(token.match, token.id);
  }
  std::sort(finder.texts.begin(), finder.texts.end());
  for (size_t i = 1; i < finder.texts.size(); ++i) {
    const auto& [text, id] = finder.texts[i];
    if (text != finder.texts[i - 1].first) continue;
    fail_input(where, ": expected different tokens, found ids ", finder.texts[i - 1].second, " and ", id,
               " for one text \"", text.substr(0, 80), "\"");
  }
}

// Leftmost, then longest; a match that is not a single word where it must be is passed over whole.
std::vector<TextPart> AddedTokens::split(std::string_view text, bool normalized) const {
  const Finder& finder = normalized ? normalized_ : plain_;
  std::vector<TextPart> parts;
  size_t done = 0;  // what lies before is in `parts`
  for (size_t at = 0; at < text.size();) {
    if (!finder.starts[static_cast<unsigned char>(text[at])]) {
      ++at;
      continue;
    }
    int64_t id = -1;
    size_t end = at;
    // Those that go on as the text does, fewer with each byte.
    auto low = finder.texts.begin(), high = finder.texts.end();
    for (size_t i = at; i < text.size() && low != high; ++i) {
      const size_t depth = i - at;
      const auto next = static_cast<unsigned char>(text[i]);
      const auto byte_of = [depth](const auto& each) {
        return each.first.size() > depth ? static_cast<unsigned char>(each.first[depth]) : -1;
      };
      low = std::partition_point(low, high, [&](const auto& each) { return byte_of(each) < next; });
      high = std::partition_point(low, high, [&](const auto& each) { return byte_of(each) <= next; });
      if (low != high && low->first.size() == depth + 1) id = low->second, end = i + 1;
    }
    if (id < 0) {
      ++at;
      continue;
    }
    const AddedToken& token = *find(id);
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
  const auto after = std::upper_bound(tokens_.begin(), tokens_.end(), id,
                                      [](int64_t wanted, const AddedToken& token) { return wanted < token.id; });
  return after == tokens_.begin() || std::prev(after)->id != id ? nullptr : &*std::prev(after);
}

uint32_t AddedTokens::place(std::string_view content) const {
  return by_content_.find(StringHash{}(content), [&](uint32_t i) { return tokens_[i].content == content; });
}

int64_t AddedTokens::id(std::string_view content) const {
  const uint32_t found = place(content);
  return found == HashIndex::kNone ? -1 : tokens_[found].id;
}

bool AddedTokens::is_special(std::string_view content) const {
  const uint32_t found = place(content);
  return found != HashIndex::kNone && tokens_[found].skipped;
}

}  // namespace zebra
