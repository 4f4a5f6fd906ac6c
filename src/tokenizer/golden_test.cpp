// Ids and decoded text against Hugging Face tokenizers: own goldens (tests/golden/tokenizer) and the shared ones.
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "base/error.h"
#include "io/json.h"
#include "tokenizer/tokenizer.h"

namespace zebra {
namespace {

class Folder {
 public:
  explicit Folder(const Json& tokenizer) : path_(fs::temp_directory_path() / cat("zebra_tokenizer_", ::getpid())) {
    fs::create_directories(path_);
    write_json(path_ / "tokenizer.json", tokenizer);
  }
  ~Folder() { fs::remove_all(path_); }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

std::vector<std::string> lines_of(const fs::path& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

TEST(TokenizerGolden, OwnCases) {
  const fs::path folder = "tests/golden/tokenizer";
  int cases = 0;
  for (const auto& line : lines_of(folder / "cases.jsonl")) {
    const Json golden = parse_json(line, "cases.jsonl");
    const auto name = golden["name"].get<std::string>();
    Json json = read_json(folder / (golden["base"].get<std::string>() + ".json"));
    for (const auto& [key, value] : golden["parts"].items()) json[key] = value;
    for (const auto& [key, value] : golden["model"].items()) json["model"][key] = value;
    const Folder written(json);
    const Tokenizer tokenizer = Tokenizer::load(written.path());
    for (const auto& vector : golden["vectors"]) {
      const auto text = vector[0].get<std::string>();
      const auto ids = vector[1].get<std::vector<int64_t>>();
      EXPECT_EQ(tokenizer.encode(text, false), ids) << name << ": " << text;
      EXPECT_EQ(tokenizer.encode(text, true), vector[2].get<std::vector<int64_t>>()) << name << ": " << text;
      EXPECT_EQ(tokenizer.decode(ids), vector[3].get<std::string>()) << name << ": " << text;
    }
    ++cases;
  }
  EXPECT_GE(cases, 16);
}

class SharedGolden : public testing::TestWithParam<const char*> {};

TEST_P(SharedGolden, EqualsHuggingFace) {
  const fs::path folder = fs::path("../shared") / GetParam();
  if (!fs::exists(folder)) GTEST_SKIP() << folder << " is not here";
  const Tokenizer tokenizer = Tokenizer::load(folder);
  for (const auto& line : lines_of(folder / "vectors.jsonl")) {
    const Json golden = parse_json(line, "vectors.jsonl");
    const auto text = golden["text"].get<std::string>();
    const auto ids = golden["ids"].get<std::vector<int64_t>>();
    EXPECT_EQ(tokenizer.encode(text, false), ids) << text;
    EXPECT_EQ(tokenizer.encode(text, true), golden["ids_with_special"].get<std::vector<int64_t>>()) << text;
    EXPECT_EQ(tokenizer.decode(ids), golden["decoded"].get<std::string>()) << text;
  }
}

INSTANTIATE_TEST_SUITE_P(Folders, SharedGolden,
                         testing::Values("golden/tokenizer-gpt2", "golden/tokenizer-llama3", "golden/tokenizer-qwen2",
                                         "golden/tokenizer-smollm", "models/stories260k"));

}  // namespace
}  // namespace zebra
