#include "data/world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>

namespace zebra {
namespace {

constexpr WorldSplit kSplits[] = {WorldSplit::train, WorldSplit::valid, WorldSplit::test};

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

TEST(World, DocumentsArePureFunctionsOfTheirNumbers) {
  EXPECT_EQ(world_document(1, WorldSplit::train, 5), world_document(1, WorldSplit::train, 5));
  EXPECT_NE(world_document(1, WorldSplit::train, 5), world_document(2, WorldSplit::train, 5));
  EXPECT_NE(world_document(1, WorldSplit::train, 5), world_document(1, WorldSplit::train, 6));
}

TEST(World, DocumentsHaveReasonableLengthAndDiffer) {
  std::set<std::string> seen;
  for (const auto split : kSplits) {
    for (uint64_t i = 0; i < 700; ++i) {
      const std::string text = world_document(3, split, i);
      const size_t words = words_of(text).size();
      EXPECT_GE(words, 60u) << text;
      EXPECT_LE(words, 300u) << text;
      EXPECT_TRUE(seen.insert(text).second);
      EXPECT_EQ(text.find("  "), std::string::npos) << text;
    }
  }
}

// The hero's full name stands in the first line; no split has another one's heroes.
TEST(World, SplitsHaveDifferentHeroes) {
  std::set<std::string> heroes[3];
  for (size_t s = 0; s < 3; ++s) {
    for (uint64_t i = 0; i < 600; ++i) {
      const auto words = words_of(world_document(4, kSplits[s], i));
      // "Anna Hill was a cook", "a cook named Anna Hill" or "a cook called Anna Hill".
      size_t at = 0;
      if (words[0] == "In" || words[0] == "Once") {
        while (words[at] != "named" && words[at] != "called") ++at;
        ++at;
      }
      std::string name = words[at] + " " + words[at + 1];
      name.erase(std::remove_if(name.begin(), name.end(), [](char c) { return c == '.' || c == ','; }), name.end());
      heroes[s].insert(name);
    }
    EXPECT_GT(heroes[s].size(), 50u);
  }
  for (const auto& name : heroes[0]) EXPECT_FALSE(heroes[1].contains(name) || heroes[2].contains(name)) << name;
  for (const auto& name : heroes[1]) EXPECT_FALSE(heroes[2].contains(name)) << name;
}

// Whatever an answer names was told before the questions.
TEST(World, AnswersCanBeFoundInTheStory) {
  int asked = 0;
  for (uint64_t i = 0; i < 400; ++i) {
    const std::string text = world_document(5, WorldSplit::train, i);
    const size_t questions = text.find("Question: ");
    ASSERT_NE(questions, std::string::npos) << text;
    const std::string story = text.substr(0, questions);
    for (size_t at = questions; (at = text.find("Answer: ", at)) != std::string::npos; ++at) {
      const std::string answer = text.substr(at + 8, text.find('\n', at) - at - 8);
      const std::string last = answer.substr(answer.rfind(' ') + 1);
      EXPECT_NE(story.find(last.substr(0, last.size() - 1)), std::string::npos) << text;
      ++asked;
    }
  }
  EXPECT_GT(asked, 800);
}

}  // namespace
}  // namespace zebra
