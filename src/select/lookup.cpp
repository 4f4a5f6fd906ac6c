#include "select/lookup.h"

#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/rng.h"
#include "model/finite.h"

namespace zebra {

namespace {

constexpr int64_t kBatchTokens = 8192;
constexpr size_t kEnoughWords = 256;
constexpr int64_t kLongest = int64_t{1} << 20;  // tokens of a document

bool is_word(const std::string& text) {
  const auto letter = [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; };
  return text.size() >= 3 && text[0] == ' ' && std::all_of(text.begin() + 1, text.end(), letter);
}

// The first `count` of a random order of `values`.
std::vector<int64_t> draw(Rng& rng, std::vector<int64_t> values, int64_t count) {
  for (size_t i = 0; i < static_cast<size_t>(count); ++i)
    std::swap(values[i], values[i + rng.below(values.size() - i)]);
  values.resize(static_cast<size_t>(count));
  return values;
}

}  // namespace

LookupWords lookup_words(const Tokenizer& tokenizer, const ModelConfig& config) {
  LookupWords out;
  std::vector<int64_t> plain;
  const int64_t begin = 0, end = std::min(tokenizer.vocab_size(), config.vocab);
  for (int64_t id = begin; id < end; ++id) {
    const std::string text = tokenizer.decode({id});
    if (text.empty() || tokenizer.is_special(id)) continue;
    plain.push_back(id);
    // A tokenizer that drops the space in front of a text still shows it behind another token.
    const std::string front = tokenizer.decode({plain.front()}), both = tokenizer.decode({plain.front(), id});
    if (is_word(text) || (plain.size() > 1 && both.starts_with(front) && is_word(both.substr(front.size())))) {
      out.words.push_back(id);
    }
  }
  if (out.words.size() < kEnoughWords) out.words = plain;
  out.is = tokenizer.encode("=", false), out.end = tokenizer.encode("\n", false);
  const auto inside = [&](int64_t id) { return id >= 0 && id < config.vocab; };
  for (auto* between : {&out.is, &out.end}) {
    std::erase_if(*between, [&](int64_t id) { return !inside(id); });
    for (const int64_t id : *between) std::erase(out.words, id);
  }
  out.bos = inside(config.bos) ? config.bos : -1;
  return out;
}

std::vector<LookupDocument> lookup_documents(const LookupWords& words, const LookupSettings& settings) {
  const auto positive = [](const char* name, int64_t value) {
    if (value < 1 || value > kLongest) fail_usage(name, ": expected 1 to ", kLongest, ", found ", value);
  };
  positive("documents", settings.documents), positive("pairs", settings.pairs), positive("lookups", settings.lookups);
  if (settings.pairs < 2) fail_usage("pairs: expected 2 or more to choose from, found ", settings.pairs);
  if (settings.lookups > settings.pairs) {
    fail_usage("lookups: expected at most the ", settings.pairs, " pairs of a document, found ", settings.lookups);
  }
  if (static_cast<int64_t>(words.words.size()) < 2 * settings.pairs) {
    fail_usage("pairs: expected at most ", words.words.size() / 2, " for a vocabulary of ", words.words.size(),
               " words, found ", settings.pairs);
  }
  std::vector<LookupDocument> out;
  std::vector<int64_t> numbers(static_cast<size_t>(settings.pairs));
  std::iota(numbers.begin(), numbers.end(), 0);
  for (int64_t index = 0; index < settings.documents; ++index) {
    Rng rng(settings.seed, static_cast<uint64_t>(index));
    const auto drawn = draw(rng, words.words, 2 * settings.pairs);
    LookupDocument document;
    document.values.assign(drawn.begin() + settings.pairs, drawn.end());
    if (words.bos >= 0) document.ids.push_back(words.bos);
    const auto append = [&](const std::vector<int64_t>& ids) {
      document.ids.insert(document.ids.end(), ids.begin(), ids.end());
    };
    const auto say = [&](int64_t pair, bool asked) {
      append({drawn[static_cast<size_t>(pair)]});
      append(words.is);
      if (asked) document.places.push_back(static_cast<int64_t>(document.ids.size()) - 1);
      append({document.values[static_cast<size_t>(pair)]});
      append(words.end);
    };
    for (const int64_t pair : numbers) say(pair, false);
    for (const int64_t pair : draw(rng, numbers, settings.lookups)) say(pair, true);
    out.push_back(std::move(document));
  }
  return out;
}

LookupResult measure_lookup(const Model& model, const std::vector<LookupDocument>& documents) {
  const c10::InferenceMode inference;
  LookupResult out;
  const auto device = model.head().weight.device();
  for (size_t begin = 0; begin < documents.size();) {
    // Documents of one call are equally long, as lookup_documents() makes them.
    const auto length = static_cast<int64_t>(documents[begin].ids.size());
    const auto longest = static_cast<size_t>(std::max<int64_t>(1, kBatchTokens / length));
    size_t end = begin;
    std::vector<int64_t> ids, places, values, truth;
    while (end < documents.size() && end - begin < longest &&
           static_cast<int64_t>(documents[end].ids.size()) == length) {
      const LookupDocument& document = documents[end];
      for (const int64_t place : document.places) {
        places.push_back(static_cast<int64_t>(end - begin) * length + place);
        truth.push_back(document.ids.at(static_cast<size_t>(place) + 1));
        values.insert(values.end(), document.values.begin(), document.values.end());
      }
      ids.insert(ids.end(), document.ids.begin(), document.ids.end());
      ++end;
    }
    const auto count = static_cast<int64_t>(places.size());
    const at::Tensor rows = at::tensor(ids, at::kLong).view({-1, length}).to(device);
    const at::Tensor hidden =
        model.hidden(rows).flatten(0, 1).index_select(0, at::tensor(places, at::kLong).to(device));
    const at::Tensor log_p = at::log_softmax(model.logits(hidden), -1, at::kFloat);  // [n, V]
    const at::Tensor target = at::tensor(truth, at::kLong).to(device).unsqueeze(1);
    const at::Tensor own = log_p.gather(1, target);
    const at::Tensor choices = at::tensor(values, at::kLong).to(device).view({count, -1});
    const at::Tensor others = log_p.gather(1, choices).masked_fill(choices.eq(target), -INFINITY).amax(1, true);
    out.accuracy += own.gt(others).sum().item<double>();
    out.log_likelihood += own.sum(at::kDouble).item<double>();
    if (!std::isfinite(out.log_likelihood)) fail_not_finite(model, "logits");
    out.lookups += count;
    begin = end;
  }
  if (out.lookups > 0) {
    out.accuracy /= static_cast<double>(out.lookups);
    out.log_likelihood /= static_cast<double>(out.lookups);
  }
  return out;
}

}  // namespace zebra
