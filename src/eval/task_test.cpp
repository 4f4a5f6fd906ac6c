// What tasks make of documents, and that damaged documents are named errors.
#include "eval/task.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "eval/task_data.h"
#include "support/task_documents.h"

namespace zebra {
namespace {

Question question(const std::string& task) {
  return read_question(find_tasks(task, "", 4096).front(), {Json::parse(task_documents().at(task)), "t"});
}

TEST(Tasks, Questions) {
  EXPECT_EQ(question("arc_easy").prompt, "Question: Q?\nAnswer:");
  EXPECT_EQ(question("arc_easy").gold, 1);
  EXPECT_EQ(question("boolq").prompt, "P.\nQuestion: is it?\nAnswer:");
  EXPECT_EQ(question("hellaswag").prompt, "Act: A. b He goes");
  EXPECT_EQ(question("hellaswag").choices, (std::vector<std::string>{"x y", "z"}));
  EXPECT_EQ(question("lambada_openai").prompt, "one two ");
  EXPECT_EQ(question("lambada_openai").target, " three");
  EXPECT_EQ(question("mmlu_high_school_biology").prompt, "Q\nA. a\nB. b\nC. c\nD. d\nAnswer:");
  EXPECT_EQ(question("race").prompt, "Article: A\n\nIt is c\nQ's?");
  EXPECT_EQ(question("race").gold, 1);
  EXPECT_EQ(question("wikitext").target, " = T =\na (b), \"c\" 3,0's");
  EXPECT_EQ(question("winogrande").prompts, (std::vector<std::string>{"The x", "The y"}));
  EXPECT_EQ(question("winogrande").target, "is  big.");
  EXPECT_EQ(find_tasks("mmlu_high_school_biology", "", 1).front().description,
            "The following are multiple choice questions (with answers) about high school biology.\n\n");
}

TEST(Tasks, Gsm8kAnswers) {
  const Task task = find_tasks("gsm8k", "", 1).front();
  const auto read = [&](size_t filter, const char* text) { return task.filters[filter].extract(text); };
  EXPECT_EQ(read(0, "so #### -1,002. x #### 3"), "-1,002.");
  EXPECT_EQ(read(0, "#### x\n#### "), "[invalid]");
  EXPECT_EQ(read(1, "has 3, then $1,002."), "$1,002.");
  EXPECT_EQ(read(1, "5 - -7"), "-7");
  EXPECT_EQ(read(1, "a - . b"), "[invalid]");
  const Question q = question("gsm8k");
  EXPECT_EQ(task.score(q, "1002"), 1);
  EXPECT_EQ(task.score(q, "$1,002."), 1);
  EXPECT_EQ(task.score(q, "1003"), 0);
}

TEST(Tasks, RecallIsTheShareOfTheOutputs) {
  const Task task = find_tasks("ruler", "", 1).front();
  EXPECT_EQ(question("ruler").prompt, "I P");
  EXPECT_EQ(task.score(question("ruler"), "so AB it is"), 0.5);
}

// Every field absent, of another type, empty or hostile: an error that begins with the place, or a question.
TEST(Tasks, DamagedDocumentsAreNamedErrors) {
  const std::vector<Json> values = {nullptr,       true,           -1,     1e300,        "", "x", "[", "{'a': [",
                                    Json::array(), Json::object(), {1, 2}, {{"text", 1}}};
  int refused = 0;
  for (const auto& [name, text] : task_documents()) {
    const Task task = find_tasks(name, "", 4096).front();
    const Json whole = Json::parse(text);
    const auto attempt = [&](const Json& json) {
      try {
        read_question(task, {json, "the place"});
      } catch (const Error& error) {
        ++refused;
        EXPECT_EQ(error.kind(), ErrorKind::input) << name << json;
        EXPECT_TRUE(std::string(error.what()).starts_with("the place")) << error.what();
      }
    };
    for (const auto& [key, value] : whole.items()) {
      Json without = whole;
      without.erase(key);
      attempt(without);
      for (const Json& other : values) {
        Json changed = whole;
        changed[key] = other;
        attempt(changed);
      }
    }
  }
  EXPECT_GT(refused, 200);
}

}  // namespace
}  // namespace zebra
