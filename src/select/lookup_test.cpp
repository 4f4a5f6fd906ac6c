#include "select/lookup.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "base/error.h"
#include "model/checkpoint.h"
#include "train/test_models.h"

namespace zebra {
namespace {

LookupWords words() {
  LookupWords out{.words = {}, .is = {3}, .end = {4, 5}, .bos = 0};
  for (int64_t id = 6; id < 30; ++id) out.words.push_back(id);
  return out;
}

TEST(Lookup, DocumentsAskForWhatTheySaid) {
  const LookupSettings settings{.documents = 5, .pairs = 6, .lookups = 4, .seed = 3};
  const auto documents = lookup_documents(words(), settings);
  ASSERT_EQ(documents.size(), 5u);
  for (const auto& document : documents) {
    ASSERT_EQ(document.ids.size(), 1u + 10 * 5);
    std::map<int64_t, int64_t> said;
    std::set<int64_t> used;
    for (size_t pair = 0; pair < 6; ++pair) {
      const int64_t key = document.ids[1 + 5 * pair], value = document.ids[3 + 5 * pair];
      EXPECT_EQ(document.ids[2 + 5 * pair], 3);
      EXPECT_EQ(value, document.values[pair]);
      EXPECT_TRUE(used.insert(key).second && used.insert(value).second);
      said[key] = value;
    }
    ASSERT_EQ(document.places.size(), 4u);
    std::set<int64_t> asked;
    for (const int64_t place : document.places) {
      const auto at = static_cast<size_t>(place);
      EXPECT_EQ(document.ids[at], 3);
      EXPECT_TRUE(asked.insert(document.ids[at - 1]).second);
      EXPECT_EQ(document.ids[at + 1], said.at(document.ids[at - 1]));
    }
  }
  EXPECT_NE(documents[0].ids, documents[1].ids);
  EXPECT_EQ(lookup_documents(words(), settings)[4].ids, documents[4].ids);
}

TEST(Lookup, Errors) {
  EXPECT_THROW(lookup_documents(words(), {.pairs = 13}), Error);
  EXPECT_THROW(lookup_documents(words(), {.pairs = 4, .lookups = 5}), Error);
  EXPECT_THROW(lookup_documents(words(), {.pairs = 1, .lookups = 1}), Error);
  EXPECT_THROW(lookup_documents(words(), {.documents = 0}), Error);
}

// A model without blocks tells the next token from the last one alone: what it knows is set by hand.
TEST(Lookup, MeasureCountsWhatTheModelPrefers) {
  ModelConfig config = testing_support::teacher_config();
  config.hidden = 30, config.mixers.clear(), config.tied = false;
  Model model(config);
  initialise_random(model, 1);
  model.embedding().copy_(at::eye(30));
  at::Tensor scores = at::zeros({30, 30});  // [next, last]
  scores[7][3] = 2.0, scores[8][3] = 1.0, scores[29][3] = 5.0;
  model.parameters([&](const std::string& name, at::Tensor& value) {
    if (name == "lm_head.weight") value.copy_(scores);
  });
  // Behind token 3 it says 29, of the values first 7, then 8.
  const auto document = [](int64_t value) {
    return LookupDocument{.ids = {6, 3, 7, 9, 3, 8, 6, 3, value}, .values = {7, 8}, .places = {7}};
  };
  const LookupResult right = measure_lookup(model, {document(7)}), wrong = measure_lookup(model, {document(8)});
  EXPECT_EQ(right.accuracy, 1);
  EXPECT_EQ(wrong.accuracy, 0);
  const LookupResult both = measure_lookup(model, {document(7), document(8), document(7), document(7)});
  EXPECT_EQ(both.accuracy, 0.75);
  EXPECT_EQ(both.lookups, 4);
  // Hidden states are normalised: the one that is not zero is sqrt(30).
  const double scale = std::sqrt(30 / (1 + 30 * config.norm_eps));
  const double sum = 27 + std::exp(2 * scale) + std::exp(scale) + std::exp(5 * scale);
  EXPECT_NEAR(right.log_likelihood, 2 * scale - std::log(sum), 1e-4);
  // Equal values are not a right answer.
  model.parameters([&](const std::string& name, at::Tensor& value) {
    if (name == "lm_head.weight") value.zero_();
  });
  EXPECT_EQ(measure_lookup(model, {document(7)}).accuracy, 0);
}

TEST(Lookup, WordsOfAnyTokenizer) {
  const ScratchFolder folder;
  testing_support::write_tokenizer(folder.path);
  const LookupWords found = lookup_words(Tokenizer::load(folder.path), testing_support::teacher_config());
  // Letters only: too few words, so all that is not special.
  EXPECT_GE(found.words.size(), 26u);
  for (const int64_t id : found.words) EXPECT_GT(id, 1);
  EXPECT_EQ(found.bos, 0);
}

}  // namespace
}  // namespace zebra
