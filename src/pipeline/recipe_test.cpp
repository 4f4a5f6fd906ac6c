#include "pipeline/recipe.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "pipeline/ledger.h"
#include "support/scratch.h"

namespace zebra {
namespace {

const std::vector<StageVerb> kVerbs = {
    {.name = "convert", .places = {"teacher"}, .options = {"mla_layers", "kv_rank"}, .has_json = true},
    {.name = "distill", .options = {"teacher", "student", "data", "tokens", "lr", "threads"}},
    {.name = "eval",
     .places = {"dir"},
     .options = {"text"},
     .switches = {"no_bos"},
     .takes_out = false,
     .suffix = ".json"},
};

const char* const kText = R"({
  "name": "small", "about": "An example.", "teacher": "base",
  "stages": [
    {"stage": "student", "verb": "convert", "teacher": "@teacher", "mla_layers": [1, 3], "kv_rank": 8},
    {"stage": "learned", "verb": "distill", "teacher": "@teacher", "student": "@student", "data": ["a.jsonl", "@student/b.jsonl"],
     "tokens": "1M", "lr": 8e-5},
    {"stage": "scores", "verb": "eval", "text": "it is.jsonl", "dir": "@learned", "no_bos": true}
  ]})";

Recipe parsed(std::string text, const std::string& from = "", const std::string& to = "") {
  if (!from.empty()) text.replace(text.find(from), from.size(), to);
  return parse_recipe(parse_json(text, "small.json"), "small.json", kVerbs);
}

template <class Action>
std::string error_of(ErrorKind kind, Action action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    return error.what();
  }
  return "no error";
}

std::string refused(const std::string& from, const std::string& to) {
  return error_of(ErrorKind::input, [&] { parsed(kText, from, to); });
}

void expect_holds(const std::string& message, const std::vector<std::string>& parts) {
  for (const auto& part : parts) EXPECT_NE(message.find(part), std::string::npos) << part << " is not in: " << message;
}

TEST(Recipe, AFileOrAFolderBySetting) {
  const std::vector<StageVerb> verbs = {
      {.name = "world", .options = {"kind"}, .suffix = ".jsonl", .folder_if = {"kind", "tasks"}}};
  const Recipe recipe = parse_recipe(parse_json(R"({"name": "w", "stages": [{"stage": "a", "verb": "world"},
      {"stage": "b", "verb": "world", "kind": "chat"}, {"stage": "c", "verb": "world", "kind": "tasks"}]})",
                                                "w"),
                                     "w", verbs);
  const auto outputs = stage_outputs(recipe, "out", verbs);
  EXPECT_EQ(outputs.at("a"), "out/a.jsonl");
  EXPECT_EQ(outputs.at("b"), "out/b.jsonl");
  EXPECT_EQ(outputs.at("c"), "out/c");
}

TEST(Recipe, StagesBecomeCommands) {
  const Recipe recipe = parsed(kText);
  const auto outputs = stage_outputs(recipe, "out", kVerbs);
  const auto words = [&](size_t i) {
    return stage_arguments(recipe.stages[i], verb_of(recipe.stages[i], kVerbs), outputs);
  };
  using Words = std::vector<std::string>;
  EXPECT_EQ(words(0), (Words{"convert", "base", "--mla-layers", "1,3", "--kv-rank", "8", "--out", "out/student"}));
  EXPECT_EQ(words(1),
            (Words{"distill", "--teacher", "base", "--student", "out/student", "--data", "a.jsonl,out/student/b.jsonl",
                   "--tokens", "1M", "--lr", "8e-05", "--out", "out/learned"}));
  EXPECT_EQ(words(2), (Words{"eval", "out/learned", "--text", "it is.jsonl", "--no-bos"}));
  EXPECT_EQ(outputs.at("scores"), "out/scores.json");
}

TEST(Recipe, WritingAndReadingChangesNothing) {
  const Recipe recipe = parsed(kText), again = parse_recipe(recipe_json(recipe), "again", kVerbs);
  EXPECT_EQ(recipe_json(again), recipe_json(recipe));
  EXPECT_EQ(again.stages[1].settings, recipe.stages[1].settings);
}

TEST(Recipe, TypingErrorsAreNamedWithTheNearest) {
  expect_holds(refused("\"about\"", "\"abuot\""), {"small.json", "abuot", "did you mean \"about\""});
  expect_holds(refused("kv_rank", "kv_rnk"), {"stage student", "kv_rnk", "did you mean \"kv_rank\""});
  expect_holds(refused("\"distill\"", "\"distil\""), {"stage learned", "distil", "did you mean \"distill\""});
  expect_holds(refused("\"@student\"", "\"@studen\""), {"stage learned", "@studen", "did you mean @student"});
  expect_holds(refused("\"@student\"", "\"@scores\""), {"stage learned", "@scores", "before"});
  expect_holds(refused("\"learned\"", "\"student\""), {"student", "twice"});
  expect_holds(refused("\"learned\"", "\"teacher\""), {"teacher", "taken"});
  expect_holds(refused("\"learned\"", "\"../x\""), {"../x", "letters"});
  expect_holds(refused("\"no_bos\": true", "\"no_bos\": 3"), {"no_bos", "true or false", "3"});
  expect_holds(refused("[1, 3]", "{}"), {"mla_layers", "{}"});
  expect_holds(refused("\"verb\": \"eval\"", "\"out\": \"x\", \"verb\": \"eval\""), {"stage scores", "out"});
}

TEST(Recipe, SetReachesOneStageOrAllThatKnowTheKey) {
  Recipe recipe = parsed(kText);
  for (const char* text :
       {"teacher=big", "learned.teacher=bigger", "kv-rank=16", "learned.out=elsewhere", "text=a=b.jsonl"}) {
    set_recipe(recipe, text, kVerbs);
  }
  EXPECT_EQ(recipe.teacher, "big");
  EXPECT_EQ(*recipe.stages[0].find("teacher"), "@teacher");
  EXPECT_EQ(*recipe.stages[0].find("kv_rank"), "16");
  EXPECT_EQ(*recipe.stages[1].find("teacher"), "bigger");
  EXPECT_EQ(*recipe.stages[2].find("text"), "a=b.jsonl");
  EXPECT_EQ(stage_outputs(recipe, "out", kVerbs).at("learned"), "elsewhere");
  const auto error = [&](const char* text) {
    return error_of(ErrorKind::usage, [&] { set_recipe(recipe, text, kVerbs); });
  };
  expect_holds(error("tokns=3"), {"tokns", "did you mean \"tokens\""});
  expect_holds(error("lerned.tokens=3"), {"lerned", "did you mean learned?"});
  expect_holds(error("student.tokens=3"), {"tokens"});
  expect_holds(error("tokens"), {"key=value"});
  expect_holds(error("out=x"), {"out"});
  expect_holds(error("no_bos=maybe"), {"no_bos", "maybe"});
}

TEST(Recipe, ASettingForAllStagesLeavesOutThoseWhereItMeansNothing) {
  std::vector<StageVerb> verbs = kVerbs;
  verbs[0].governs = "mla_layers", verbs[0].governed = {"kv_rank"};
  Recipe recipe = parse_recipe(parse_json(R"({"name": "r", "stages": [{"stage": "mla", "verb": "convert",
      "mla_layers": "all", "kv_rank": 8}, {"stage": "none", "verb": "convert", "mla_layers": "none"},
      {"stage": "absent", "verb": "convert"}]})",
                                          "r"),
                               "r", verbs);
  set_recipe(recipe, "kv_rank=4", verbs);
  EXPECT_EQ(*recipe.stages[0].find("kv_rank"), "4");
  EXPECT_EQ(recipe.stages[1].find("kv_rank"), nullptr);
  EXPECT_EQ(recipe.stages[2].find("kv_rank"), nullptr);
  set_recipe(recipe, "none.kv_rank=4", verbs);  // asked for by name: convert says what is wrong with it
  EXPECT_EQ(*recipe.stages[1].find("kv_rank"), "4");
}

TEST(StageLedger, KnowsWhichSettingDiffers) {
  const ScratchFolder folder;
  const fs::path file = folder.path / "stages.json";
  Recipe recipe = parsed(kText);
  const auto differs = [&](const Recipe& now, size_t stage) {
    return error_of(ErrorKind::usage, [&] { StageLedger(file, now).check_done(now.stages[stage], "the/output"); });
  };
  expect_holds(differs(recipe, 0), {"stage student", "the/output", "does not say"});
  StageLedger ledger(file, recipe);
  ledger.started(recipe.stages[0], "zebra convert base");
  ledger.finished(recipe.stages[0], 1.5, Json{{"kl", 0.25}});
  ledger.started(recipe.stages[1], "zebra distill");
  EXPECT_EQ(differs(recipe, 0), "no error");
  const StageLedger again(file, recipe);
  EXPECT_EQ(again.seconds("student"), 1.5);
  EXPECT_EQ(again.result("student")["kl"], 0.25);
  EXPECT_FALSE(again.seconds("learned"));
  EXPECT_TRUE(again.result("scores").is_null());

  Recipe other = recipe;
  set_recipe(other, "tokens=2M", kVerbs);
  EXPECT_EQ(differs(other, 0), "no error");
  expect_holds(differs(other, 1), {"stage learned", "tokens", "\"1M\"", "\"2M\"", "the/output"});
  other = recipe;
  set_recipe(other, "threads=2", kVerbs);
  EXPECT_EQ(differs(other, 1), "no error");
  other.teacher = "another";
  expect_holds(differs(other, 0), {"stage student", "teacher", "base", "another"});
  other = recipe;
  other.stages[0].settings.pop_back();
  expect_holds(differs(other, 0), {"kv_rank", "\"8\"", "not given"});
}

TEST(StageLedger, DamagedFilesAreRefused) {
  const ScratchFolder folder;
  const fs::path file = folder.path / "stages.json";
  for (const char* text :
       {"{", "[]", "{}", R"({"stages": []})", R"({"stages": {"a": {}}})", R"({"stages": {"a": {"settings": 3}}})"}) {
    write_file(file, text);
    expect_holds(error_of(ErrorKind::input, [&] { StageLedger(file, Recipe{}); }), {"stages.json"});
  }
}

}  // namespace
}  // namespace zebra
