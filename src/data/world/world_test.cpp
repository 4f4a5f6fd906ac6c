#include "data/world/world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include "base/error.h"
#include "data/world/facts.h"
#include "data/world/skills.h"
#include "data/world/story.h"
#include "data/world/tasks.h"

namespace zebra {
namespace {

constexpr WorldSplit kSplits[] = {WorldSplit::train, WorldSplit::valid, WorldSplit::test};

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

std::string text_of(const std::string& kind, uint64_t seed, WorldSplit split, uint64_t index, size_t words = 400) {
  return world_line(kind, seed, split, index, words)["text"];
}

TEST(World, LinesArePureFunctionsOfTheirNumbers) {
  for (const auto& kind : world_kinds()) {
    EXPECT_EQ(world_line(kind, 1, WorldSplit::train, 5), world_line(kind, 1, WorldSplit::train, 5)) << kind;
    EXPECT_NE(world_line(kind, 1, WorldSplit::train, 5), world_line(kind, 2, WorldSplit::train, 5)) << kind;
    EXPECT_NE(world_line(kind, 1, WorldSplit::train, 5), world_line(kind, 1, WorldSplit::train, 6)) << kind;
  }
  EXPECT_THROW(world_line("poems", 1, WorldSplit::train, 0), Error);
}

TEST(World, StoriesHaveReasonableLengthAndDiffer) {
  std::set<std::string> seen;
  for (const auto split : kSplits) {
    for (uint64_t i = 0; i < 700; ++i) {
      const std::string text = text_of("stories", 3, split, i);
      const size_t words = words_of(text).size();
      EXPECT_GE(words, 60u) << text;
      EXPECT_LE(words, 330u) << text;
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
      const auto words = words_of(text_of("stories", 4, kSplits[s], i));
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

// Whatever the right answer names was told before; the wrong answers differ from it and from each other.
TEST(World, AnswersCanBeFoundInTheStory) {
  for (uint64_t i = 0; i < 400; ++i) {
    world::Dice dice(5, i);
    const auto story = world::tell_story(dice, WorldSplit::train);
    ASSERT_FALSE(story.questions.empty()) << story.text;
    for (const auto& question : story.questions) {
      const std::string& answer = question.choices[0];
      const std::string last = answer.substr(answer.rfind(' ') + 1);
      EXPECT_NE(story.text.find(last.substr(0, last.size() - 1)), std::string::npos) << story.text << answer;
      EXPECT_EQ(std::set<std::string>(question.choices.begin(), question.choices.end()).size(),
                question.choices.size());
    }
    for (const auto& next : story.continuations) {
      EXPECT_EQ(story.text.compare(next.at + (story.text[next.at] == ' '), next.choices[0].size(), next.choices[0]), 0);
    }
  }
}

// Nothing that the test split asks stands in a text of the training split, in so many words.
TEST(World, QuestionsOfOneSplitAreInNoTextOfAnother) {
  std::string training;
  for (uint64_t i = 0; i < 6000; ++i) {
    training += text_of("text", 1, WorldSplit::train, i) + "\n" + text_of("exams", 1, WorldSplit::train, i) + "\n";
  }
  const std::map<std::string, std::string> asked = {{"arc_easy", "question"}, {"openbookqa", "question_stem"},
                                                    {"piqa", "goal"},         {"pubmedqa", "QUESTION"},
                                                    {"hellaswag", "ctx"},     {"race", "article"}};
  int found_in_train = 0;
  for (const auto& [task, key] : asked) {
    for (uint64_t i = 0; i < 200; ++i) {
      std::string text = world_line(task, 1, WorldSplit::test, i)[key];
      if (task == "pubmedqa") text = world_line(task, 1, WorldSplit::test, i)["CONTEXTS"][0];
      if (task == "openbookqa") text += " ";
      EXPECT_EQ(training.find(text), std::string::npos) << task << ": " << text;
      std::string own = world_line(task, 1, WorldSplit::train, i)[key];
      found_in_train += training.find(own) != std::string::npos;
    }
  }
  EXPECT_GT(found_in_train, 300);  // the same search does find what is there
}

// The facts are the same whatever the seed: what one document states, a question elsewhere takes for right.
TEST(World, FactsDoNotDependOnTheSeed) {
  std::map<std::string, std::string> answers;
  int again = 0;
  for (uint64_t seed = 0; seed < 3; ++seed) {
    world::Dice dice(seed, 0);
    for (int i = 0; i < 1500; ++i) {
      const auto question = world::fact_question(dice, WorldSplit::train, world::Asked::property);
      const auto [at, fresh] = answers.emplace(question.text, question.choices[0]);
      EXPECT_EQ(at->second, question.choices[0]) << question.text;
      again += !fresh;
    }
  }
  EXPECT_GT(again, 1000);
}

TEST(World, SkillsAreRight) {
  world::Dice dice(9, 0);
  for (int i = 0; i < 300; ++i) {
    const auto sum = world::skill_question(dice, WorldSplit::test, world::Skill::sum);
    int a = 0, b = 0;
    char sign = 0;
    ASSERT_EQ(std::sscanf(sum.text.c_str(), "What is %d %c %d?", &a, &sign, &b), 3) << sum.text;
    EXPECT_EQ(sum.choices[0], std::to_string(sign == '+' ? a + b : sign == '-' ? a - b : a * b)) << sum.text;

    const auto sort = world::skill_question(dice, WorldSplit::test, world::Skill::sort);
    std::multiset<int> asked, answered;
    std::vector<int> order;
    for (const auto& word : words_of(sort.text.substr(sort.text.find(':') + 1))) asked.insert(std::stoi(word));
    for (const auto& word : words_of(sort.choices[0])) order.push_back(std::stoi(word));
    answered.insert(order.begin(), order.end());
    EXPECT_TRUE(std::is_sorted(order.begin(), order.end())) << sort.choices[0];
    EXPECT_EQ(asked, answered) << sort.text;
  }
}

// "Answer: B" where the line "B. red ball" is the one that was asked for.
TEST(World, LettersStandForTheirLines) {
  int sheets = 0;
  for (uint64_t i = 0; i < 300; ++i) {
    world::Dice dice(4, i);
    std::istringstream text(world::skills_document(dice, WorldSplit::train));
    std::string line, asked;
    for (std::map<std::string, std::string> letters; std::getline(text, line);) {
      if (line.starts_with("Question: ")) letters.clear();
      if (line.starts_with("Question: Which of these is ")) asked = line.substr(28, line.size() - 29);
      if (line.size() > 3 && line[1] == '.') letters[line.substr(0, 1)] = line.substr(3);
      if (line.starts_with("Answer: ") && !letters.empty()) {
        EXPECT_EQ(letters.at(line.substr(8)), asked);
        ++sheets;
      }
    }
  }
  EXPECT_GT(sheets, 100);
}

TEST(World, RecallEndsWithACodeThatWasTold) {
  for (uint64_t i = 0; i < 100; ++i) {
    const std::string text = text_of("recall", 2, WorldSplit::test, i, 300);
    const size_t last = text.rfind("The code of the ");
    const std::string sentence = text.substr(last) + ".";
    EXPECT_LT(text.find(sentence), last) << text;
    EXPECT_NEAR(static_cast<double>(words_of(text).size()), 300, 30);
  }
}

// Choices differ, and the key names one of them.
TEST(World, TasksAreWellFormed) {
  for (uint64_t i = 0; i < 300; ++i) {
    for (const char* task : {"arc_easy", "arc_challenge", "openbookqa"}) {
      const Json row = world_line(task, 3, WorldSplit::test, i);
      const auto texts = row["choices"]["text"].get<std::vector<std::string>>();
      EXPECT_EQ(std::set<std::string>(texts.begin(), texts.end()).size(), 4u) << row;
      const auto labels = row["choices"]["label"].get<std::vector<std::string>>();
      EXPECT_NE(std::find(labels.begin(), labels.end(), row["answerKey"].get<std::string>()), labels.end()) << row;
    }
    const Json endings = world_line("hellaswag", 3, WorldSplit::test, i)["endings"];
    EXPECT_EQ(endings.size(), 4u);
    const Json problems = parse_json(world_line("race", 3, WorldSplit::test, i)["problems"].get<std::string>(), "race");
    EXPECT_EQ(problems.size(), 2u);
    EXPECT_EQ(world_line("pubmedqa", 3, WorldSplit::test, i)["CONTEXTS"].size(), 1u);
    const Json blank = world_line("winogrande", 3, WorldSplit::test, i);
    EXPECT_NE(blank["option1"], blank["option2"]);
    EXPECT_NE(blank["sentence"].get<std::string>().find(" _ "), std::string::npos);
  }
}

}  // namespace
}  // namespace zebra
