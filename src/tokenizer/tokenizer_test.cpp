// What must hold beside equality with Hugging Face: any bytes are safe, hostile files are named errors.
#include "tokenizer/tokenizer.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "base/error.h"
#include "base/rng.h"
#include "io/json.h"
#include "tokenizer/unicode.h"

namespace zebra {
namespace {

const fs::path kGolden = "tests/golden/tokenizer";

class TokenizerTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / cat("zebra_tokenizer_test_", ::getpid());
    fs::create_directories(folder_);
    json_ = read_json(kGolden / "byte_level.json");
    json_["decoder"] = {{"type", "ByteLevel"}};
  }
  void TearDown() override { fs::remove_all(folder_); }

  Tokenizer load() const {
    write_json(folder_ / "tokenizer.json", json_);
    return Tokenizer::load(folder_);
  }
  // The message of the error that loading gives, which must name the file.
  std::string refusal() const {
    try {
      load();
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::input);
      EXPECT_NE(std::string(error.what()).find("tokenizer.json"), std::string::npos) << error.what();
      return error.what();
    }
    return "";
  }
  // The same of a file with this text.
  void expect_refused(const std::string& text, const std::string& part) const {
    fs::remove(folder_ / "tokenizer.json");
    std::ofstream(folder_ / "tokenizer.json") << text;
    try {
      Tokenizer::load(folder_);
      ADD_FAILURE() << "taken: " << text.substr(0, 100);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::input);
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << part << " in: " << error.what();
    }
  }
  void expect_refusal(const std::string& part) const {
    const std::string message = refusal();
    EXPECT_NE(message.find(part), std::string::npos) << "wanted \"" << part << "\", got \"" << message << "\"";
  }

  fs::path folder_;
  Json json_;
};

TEST_F(TokenizerTest, AnyBytesComeBackWithReplacementCharacters) {
  const Tokenizer tokenizer = load();
  Rng rng(1);
  for (int i = 0; i < 500; ++i) {
    std::string bytes(rng.below(60), '\0');
    for (char& c : bytes) c = static_cast<char>(rng.below(4) ? rng.below(256) : 'a' + rng.below(26));
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(bytes, false)), unicode::lossy(bytes));
  }
}

TEST_F(TokenizerTest, LongRunsTakeNoQuadraticTime) {
  const Tokenizer tokenizer = load();
  const auto start = std::chrono::steady_clock::now();
  for (const std::string piece : {"a", " ", "\n", "1", "the ", "\xCC\x81", "<s", "'"}) {
    std::string text;
    while (text.size() < 1'000'000) text += piece;
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(text, false)), text);
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  EXPECT_LT(seconds.count(), 60);  // quadratic time would take hours, also under sanitizers
}

// The lists in any order, ids with holes, and lists as long as a hostile file makes them.
TEST_F(TokenizerTest, MergesBeforeTheVocabulary) {
  const Tokenizer usual = load();
  Json model = Json::object();
  model["merges"] = json_["model"]["merges"];
  for (const auto& [key, value] : json_["model"].items()) model[key] = value;
  json_["model"] = model;
  const Tokenizer turned = load();
  for (const char* text : {"the whole of it", "caf\xC3\xA9  12 'll", "<s> and more"}) {
    EXPECT_EQ(turned.encode(text, false), usual.encode(text, false));
  }
}

TEST_F(TokenizerTest, IdsWithHoles) {
  json_["added_tokens"] = Json::array();
  json_["model"]["vocab"] = {{"a", 16777215}, {"b", 5}, {"ab", 70}};
  json_["model"]["merges"] = {"a b"};
  const Tokenizer tokenizer = load();
  EXPECT_EQ(tokenizer.encode("ab", false), (std::vector<int64_t>{70}));
  EXPECT_EQ(tokenizer.encode("ba", false), (std::vector<int64_t>{5, 16777215}));
  EXPECT_EQ(tokenizer.token(5), "b");
  EXPECT_THROW(tokenizer.token(0), Error);
  EXPECT_THROW(tokenizer.token(71), Error);
  EXPECT_EQ(tokenizer.vocab_size(), 16777216);
}

TEST_F(TokenizerTest, LongListsTakeNoQuadraticTime) {
  std::string text = R"({"added_tokens":[)";
  for (int i = 0; i < 20000; ++i) {
    text += cat(i ? "," : "", R"({"id":)", 300000 + i, R"(,"content":"<)", i, R"(>","special":true})");
  }
  text +=
      R"(],"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"use_regex":true},"model":{"type":"BPE","vocab":{"a":0)";
  for (int i = 1; i < 300000; ++i) text += cat(",\"", std::string(1, static_cast<char>('a' + i % 26)), i, "\":", i);
  text += R"(},"merges":["a a")";
  expect_refused(text + "]}}", "merge 0");
  text.replace(text.rfind(",\"merges"), std::string::npos, ",\"merges\":[");
  std::ofstream(folder_ / "tokenizer.json") << text << "]}}";
  const Tokenizer tokenizer = Tokenizer::load(folder_);
  EXPECT_EQ(tokenizer.vocab_size(), 320000);
  EXPECT_EQ(tokenizer.encode("<19999><7>", false), (std::vector<int64_t>{319999, 300007}));
}

TEST_F(TokenizerTest, ListsThatAreNone) {
  const auto refused = [&](const char* model, const char* words) {
    expect_refused(cat(R"({"model": )", model, "}"), words);
  };
  refused("3", "expected an object");
  refused("[]", "expected an object");
  refused(R"({"vocab": {}})", "merges");
  refused(R"({"merges": []})", "vocab");
  refused(R"({"vocab": [], "merges": []})", "vocab");
  refused(R"({"vocab": 3, "merges": []})", "vocab");
  refused(R"({"vocab": {"a": "b"}, "merges": []})", "an id from 0");
  refused(R"({"vocab": {"a": [1]}, "merges": []})", "an id from 0");
  refused(R"({"vocab": {"a": 1, "a": 2}, "merges": []})", "twice");
  refused(R"({"vocab": {"a": 1}, "merges": [], "vocab": {}})", "vocab");
  refused(R"({"vocab": {"a": 1}, "merges": {}})", "merges");
  refused(R"({"vocab": {"a": 1}, "merges": [3]})", "merge 0");
  refused(R"({"vocab": {"a": 1}, "merges": [["a"]]})", "merge 0");
  refused(R"({"vocab": {"a": 1}, "merges": [["a", "a", "a"]]})", "merge 0");
  refused(R"({"vocab": {"a": 1}, "merges": [["a", ["a"]]]})", "merge 0");
  refused(R"({"merges": ["a a"], "vocab": {"a": 1}})", "merge 0");
  expect_refused(R"({"model": {"vocab": {}, "merges": []}, "model": {}})", "model");
  expect_refused(R"({"added_tokens": {}, "model": {"vocab": {}, "merges": []}})", "added_tokens");
  expect_refused(R"({"added_tokens": [3], "model": {"vocab": {}, "merges": []}})", "added_tokens");
  expect_refused(R"({})", "model");
  expect_refused("[]", "expected an object");
}

TEST_F(TokenizerTest, UnknownIdsDecodeToNothing) {
  const Tokenizer tokenizer = load();
  EXPECT_EQ(tokenizer.decode({-1, tokenizer.vocab_size(), INT64_MAX, INT64_MIN}), "");
  EXPECT_THROW(tokenizer.token(-1), Error);
  EXPECT_THROW(tokenizer.token(tokenizer.vocab_size()), Error);
  EXPECT_EQ(tokenizer.token_id("no such token"), -1);
  EXPECT_FALSE(tokenizer.is_special(-5));
  EXPECT_EQ(tokenizer.token(tokenizer.token_id("<s>")), "<s>");
  EXPECT_TRUE(tokenizer.is_special(tokenizer.token_id("<s>")));
}

TEST_F(TokenizerTest, IncompleteUtf8DecodesToReplacementCharacters) {
  const Tokenizer tokenizer = load();
  const auto ids = tokenizer.encode("\xE2\x82\xAC", false);  // the euro sign, no token of its own
  ASSERT_EQ(ids.size(), 3u);
  EXPECT_EQ(tokenizer.decode({ids[0], ids[1]}), "\xEF\xBF\xBD");
  EXPECT_EQ(tokenizer.decode({ids[1], ids[2]}), "\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST_F(TokenizerTest, SkipsSpecialTokensWhenAsked) {
  const Tokenizer tokenizer = load();
  const auto ids = tokenizer.encode("<s>the zebra</s>", false);
  EXPECT_EQ(tokenizer.decode(ids), "<s>the zebra</s>");
  EXPECT_EQ(tokenizer.decode(ids, true), "the zebra");
}

TEST_F(TokenizerTest, BosAndEosComeFromTheConfig) {
  EXPECT_EQ(load().bos(), -1);
  write_json(folder_ / "tokenizer_config.json", {{"bos_token", "<s>"}, {"eos_token", {{"content", "</s>"}}}});
  const Tokenizer tokenizer = load();
  EXPECT_EQ(tokenizer.bos(), tokenizer.token_id("<s>"));
  EXPECT_EQ(tokenizer.eos(), tokenizer.token_id("</s>"));
}

TEST_F(TokenizerTest, ThreadsDoNotDisturbEachOther) {
  const Tokenizer tokenizer = load();
  const std::string text = "The zebra went down to the river, and the other animals were there in 1998.";
  const auto expected = tokenizer.encode(text, false);
  std::vector<std::thread> threads;
  std::vector<int> wrong(4);
  for (size_t t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) wrong[t] += tokenizer.encode(text, false) != expected;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4));
}

TEST_F(TokenizerTest, HostileModels) {
  const Json good = json_;
  json_["model"]["merges"].push_back("nosuch token");
  expect_refusal("\"nosuch\"");
  json_ = good;
  json_["model"]["merges"].push_back("a b c");
  expect_refusal("one space");
  json_ = good;
  json_["model"]["merges"].push_back(3);
  expect_refusal("found 3");
  json_ = good;
  json_["model"]["vocab"]["twin"] = 5;
  expect_refusal("id 5: expected one token");
  json_ = good;
  json_["model"]["vocab"]["huge"] = 4'000'000'000;
  expect_refusal("found 4000000000");
  json_ = good;
  json_["model"]["vocab"]["negative"] = -1;
  expect_refusal("found -1");
  json_ = good;
  json_["model"]["type"] = "Unigram";
  expect_refusal("\"Unigram\"");
  json_ = good;
  json_["model"]["dropout"] = 0.1;
  expect_refusal("dropout");
  json_ = good;
  json_["model"]["unk_token"] = "<nothing>";
  expect_refusal("<nothing>");
  json_ = good;
  json_["model"]["byte_fallback"] = true;
  expect_refusal("<0x00>");
  json_ = Json::array();
  expect_refusal("expected an object");
}

TEST_F(TokenizerTest, UnknownPartsAreNamed) {
  const Json good = json_;
  const Json regex = {
      {"type", "Split"}, {"pattern", {{"Regex", "\\w+|x"}}}, {"behavior", "Isolated"}, {"invert", false}};
  json_["pre_tokenizer"] = regex;
  expect_refusal("\\w+|x");
  for (const char* key : {"normalizer", "pre_tokenizer", "post_processor", "decoder"}) {
    json_ = good;
    json_[key] = {{"type", "Mystery"}};
    expect_refusal("\"Mystery\"");
    json_[key] = 7;
    expect_refusal("found 7");
  }
  json_ = good;
  json_["normalizer"] = {{"type", "Replace"}, {"pattern", {{"Regex", " +"}}}, {"content", " "}};
  expect_refusal(" +");
  json_["normalizer"] = {{"type", "Replace"}, {"pattern", {{"String", ""}}}, {"content", " "}};
  expect_refusal("at least one character");
}

TEST_F(TokenizerTest, TemplatesMustUseKnownTokens) {
  const Json text = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
  const Json bos = {{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}};
  json_["post_processor"] = {{"type", "TemplateProcessing"}, {"single", Json::array({bos, text})}};
  expect_refusal("special_tokens");
  json_["post_processor"]["special_tokens"] = {{"<s>", {{"id", "<s>"}, {"ids", Json::array({99999})}}}};
  expect_refusal("found 99999");
  json_["post_processor"]["single"] = Json::array({bos});
  expect_refusal("sequence A");
}

}  // namespace
}  // namespace zebra
