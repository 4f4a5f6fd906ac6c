#include "tokenizer/train.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "tokenizer/tokenizer.h"

namespace zebra {
namespace {

class TrainTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / cat("zebra_train_test_", ::getpid());
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  Json train(const std::vector<std::string>& texts, BpeTrainOptions options) {
    if (options.special.empty()) options.special = {"<|bos|>", "<|eos|>"};
    BpeTrainer trainer(std::move(options));
    for (const auto& text : texts) trainer.add(text);
    size_ = trainer.write(folder_);
    return read_json(folder_ / "tokenizer.json");
  }

  fs::path folder_;
  int64_t size_ = 0;
};

const std::vector<std::string> kTexts = {"low low low low low lower lower newest newest newest newest newest newest",
                                         "widest widest widest, it's 1234 — größer größer\n\n"};

// Sennrich et al. 2016's example: e s, es t, then l o ...; counts decide, then the smaller ids.
TEST_F(TrainTest, MergesTheMostFrequentPairFirst) {
  const Json merges = train(kTexts, {.vocab = 256 + 2 + 4})["model"]["merges"];
  const Json expected = Json::array(
      {Json::array({"e", "s"}), Json::array({"es", "t"}), Json::array({"l", "o"}), Json::array({"lo", "w"})});
  EXPECT_EQ(merges, expected);
}

TEST_F(TrainTest, TheOrderOfTextsDoesNotMatter) {
  const Json forward = train(kTexts, {.vocab = 300});
  EXPECT_EQ(train({kTexts.rbegin(), kTexts.rend()}, {.vocab = 300}), forward);
}

TEST_F(TrainTest, WhatItWritesLoadsAndGoesRoundTrip) {
  for (const auto pattern : {WordPattern::gpt2, WordPattern::llama3}) {
    train(kTexts, {.vocab = 290, .pattern = pattern});
    const Tokenizer tokenizer = Tokenizer::load(folder_);
    EXPECT_EQ(tokenizer.vocab_size(), size_);
    EXPECT_EQ(tokenizer.bos(), 0);
    EXPECT_EQ(tokenizer.eos(), 1);
    for (const std::string text : {"the lowest newest \xF0\x9F\xA6\x93", "<|bos|>low", "", "1234\n"}) {
      EXPECT_EQ(tokenizer.decode(tokenizer.encode(text, false)), text);
    }
    EXPECT_EQ(tokenizer.encode(" newest", false), std::vector{tokenizer.token_id("Ġnewest")});
    EXPECT_EQ(tokenizer.encode("x", true).size(), pattern == WordPattern::gpt2 ? 1u : 2u);
  }
}

TEST_F(TrainTest, StopsWhereNoPairIsFrequentEnough) {
  train({"abcdefg"}, {.vocab = 500});
  EXPECT_EQ(size_, 258);
}

TEST_F(TrainTest, RefusesImpossibleOptions) {
  EXPECT_THROW(BpeTrainer({.vocab = 257, .special = {"<a>", "<b>"}}), Error);
  EXPECT_THROW(BpeTrainer({.vocab = 300, .special = {}}), Error);
  EXPECT_THROW(BpeTrainer({.vocab = 300, .special = {"<a>", "<a>"}}), Error);
}

}  // namespace
}  // namespace zebra
