#include "study/claims.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "study/page.h"

namespace zebra {
namespace {

Json score(double value, double error, int64_t questions = 1000) {
  return {{"score", value}, {"stderr", error}, {"questions", questions}};
}

// A row whose one task is scored so; 5 examples help every row alike.
Json row(const std::string& key, double value, double error = 0.01) {
  return {{"row", key},
          {"name", "of " + key},
          {"parameters", 1000},
          {"kv_percent", key == "base" ? 100 : 12.5},
          {"mla_layers", Json::array()},
          {"tokens", 2000},
          {"kl", 0.5},
          {"ppl", 2.0},
          {"agreement", 0.9},
          {"averages", {{"0", score(value, error)}, {"5", score(value + 0.1, error)}}},
          {"tasks", {{"0", {{"piqa", score(value, error)}}}, {"5", {{"piqa", score(value + 0.1, error)}}}}},
          {"recall", score(value / 2, error)}};
}

Json results_of(const std::vector<Json>& rows) {
  Json results = {{"teacher", "t"}, {"large_teacher", nullptr}, {"tokens", 2000},
                  {"seeds", {0}},   {"tasks", {"piqa"}},        {"shots", {0, 5}}};
  results["rows"] = rows;
  results["claims"] = judge_claims(results);
  return results;
}

Json claim_of(const std::vector<Json>& rows, const std::string& words) {
  const Json results = results_of(rows);
  for (const Json& claim : results["claims"]) {
    if (claim["claim"].get<std::string>().find(words) != std::string::npos) return claim;
  }
  return {};
}

TEST(Claims, OneStandardErrorOfBothRowsDecides) {
  const auto verdict = [](double large, double same) {
    return claim_of({row("x_ecomla_4_large", large), row("x_ecomla_4", same)}, "larger teacher")["verdict"];
  };
  EXPECT_EQ(verdict(0.62, 0.60), "confirmed");  // their pooled error is 0.0141
  EXPECT_EQ(verdict(0.61, 0.60), "no difference seen");
  EXPECT_EQ(verdict(0.60, 0.62), "refuted");
}

TEST(Claims, SeveralPairsAreOneMean) {
  const Json claim = claim_of({row("x_ecomla_4_large", 0.615), row("x_ecomla_4", 0.60), row("x_ecomla_6_4_large", 0.60),
                               row("x_ecomla_6_4", 0.60), row("x_ecomla_10_6", 0.1)},
                              "larger teacher");
  EXPECT_EQ(claim["comparisons"].size(), 2u);
  EXPECT_EQ(claim["verdict"], "no difference seen");  // 0.0075 on average, its error 0.01
  EXPECT_EQ(claim["note"], "+0.75 +- 1.00 points on average");
}

TEST(Claims, MeasuresAreThere) {
  const Json claim = claim_of({row("x_ecomla_6_4", 0.5, 0.03), row("base", 0.6, 0.04)}, "about 6 times");
  std::vector<std::string> names;
  for (const char* list : {"measures", "tasks"}) {
    for (const Json& measure : claim["comparisons"][0][list]) names.push_back(measure["measure"]);
  }
  EXPECT_EQ(names,
            (std::vector<std::string>{"mean 0-shot", "mean 5-shot", "recall", "KL", "piqa 0-shot", "piqa 5-shot"}));
  const Json& first = claim["comparisons"][0]["measures"][0];
  EXPECT_DOUBLE_EQ(first["difference"], -0.1);
  EXPECT_DOUBLE_EQ(first["stderr"], 0.05);
  EXPECT_EQ(first["seen"], "lower");
  EXPECT_EQ(claim["comparisons"][0]["measures"][2]["seen"], "no difference seen");  // 0.25 and 0.3
  EXPECT_TRUE(claim["comparisons"][0]["measures"][3]["stderr"].is_null());
}

TEST(Claims, KeepingIsNotLosing) {
  const auto verdict = [](double student) {
    return claim_of({row("zebra_quarter", student), row("base", 0.6)}, "hybrid")["verdict"];
  };
  EXPECT_EQ(verdict(0.59), "confirmed: no difference seen");
  EXPECT_EQ(verdict(0.63), "confirmed");
  EXPECT_EQ(verdict(0.57), "refuted");
  const Json claim = claim_of({row("zebra_quarter", 0.59), row("base", 0.6)}, "hybrid");
  EXPECT_NE(claim["note"].get<std::string>().find("12.50 % of the cache"), std::string::npos);
}

TEST(Claims, TheSameLayersCompareNothing) {
  Json smart = row("zebra_quarter", 0.7), uniform = row("zebra_quarter_uniform", 0.6);
  smart["mla_layers"] = uniform["mla_layers"] = {2, 5};
  const Json same = claim_of({smart, uniform}, "SMART");
  EXPECT_EQ(same["verdict"], "not measured");
  EXPECT_NE(same["note"].get<std::string>().find("the same layers"), std::string::npos);
  EXPECT_TRUE(same["comparisons"].empty());
  uniform["mla_layers"] = {1, 4};
  EXPECT_EQ(claim_of({smart, uniform}, "SMART")["verdict"], "confirmed");
  // Of two mixes only the one that differs counts.
  const Json mixed = claim_of({smart, uniform, row("zebra_half", 0.1), row("zebra_half_uniform", 0.9)}, "SMART");
  EXPECT_EQ(mixed["verdict"], "confirmed");
  EXPECT_EQ(mixed["comparisons"].size(), 1u);
}

TEST(Claims, TokensToTheSameLoss) {
  Json refined = row("x_ecomla_6_4", 0.6), reference = row("x_ecomla_6_4_reference", 0.6);
  EXPECT_EQ(claim_of({refined, reference}, "refined")["verdict"], "not measured");  // no learning yet
  reference["learning"] = {{500, 4.0}, {1000, 2.0}, {2000, 1.0}};
  refined["learning"] = {{500, 1.5}, {1000, 0.9}, {2000, 0.5}};
  const Json claim = claim_of({refined, reference}, "refined");
  EXPECT_EQ(claim["verdict"], "confirmed");
  EXPECT_NE(claim["note"].get<std::string>().find("after 1.0k tokens"), std::string::npos) << claim["note"];
  refined["learning"] = {{500, 5.0}, {1000, 3.0}, {2000, 1.0}};  // only at the end
  EXPECT_EQ(claim_of({refined, reference}, "refined")["verdict"], "refuted");
}

TEST(Claims, WhatDpoMoves) {
  Json before = row("zebra_quarter", 0.6), after = row("zebra_quarter_dpo", 0.6);
  EXPECT_EQ(claim_of({before, after}, "DPO")["verdict"], "no difference seen");
  after["recall"] = score(0.1, 0.01);
  after["tasks"]["5"]["piqa"] = score(0.8, 0.01);
  EXPECT_EQ(claim_of({before, after}, "DPO")["verdict"], "helps piqa 5-shot; hurts recall");
}

// The same difference of the same error, of fewer questions; and of an error that is small whatever they are.
TEST(Claims, FewQuestionsAreNotATest) {
  const auto claim = [&](double error, int64_t questions) {
    Json large = row("x_ecomla_4_large", 0.70), same = row("x_ecomla_4", 0.60);
    for (Json* each : {&large, &same})
      (*each)["averages"]["0"] = score((*each)["averages"]["0"]["score"], error, questions);
    return claim_of({large, same}, "larger teacher");
  };
  EXPECT_EQ(claim(0.02, 1000)["verdict"], "confirmed");
  EXPECT_EQ(claim(0.007, 40)["verdict"], "confirmed");  // together 0.0099
  const Json few = claim(0.02, 999);
  EXPECT_EQ(few["verdict"], "not a test");
  EXPECT_EQ(few["note"],
            "+10.00 +- 2.83 points on average of 999 questions: a verdict needs 1000 of them or a standard error of at "
            "most 1 point");
  EXPECT_EQ(claim(0.0072, 40)["verdict"], "not a test");  // together 0.0102

  Json kept = row("zebra_quarter", 0.59), base = row("base", 0.6);
  kept["averages"]["0"] = score(0.59, 0.01, 200), base["averages"]["0"] = score(0.6, 0.01, 200);
  EXPECT_EQ(claim_of({kept, base}, "hybrid")["verdict"], "not a test");

  Json before = row("zebra_quarter", 0.6), after = row("zebra_quarter_dpo", 0.6);
  after["tasks"]["5"]["piqa"] = score(0.8, 0.05, 20);  // a jump, of 20 questions
  const Json moved = claim_of({before, after}, "DPO");
  EXPECT_EQ(moved["verdict"], "no difference seen");
  EXPECT_NE(moved["note"].get<std::string>().find("; 1 others have fewer than 1000 questions"), std::string::npos);
}

// Thousands of tokens say nothing about a model of a thousand times as many parameters.
TEST(Claims, LittleTrainingIsNotATest) {
  const auto claim = [&](const char* words, const char* first, const char* second, int64_t tokens) {
    Json one = row(first, 0.7), other = row(second, 0.6);
    one["tokens"] = tokens;
    for (Json* each : {&one, &other}) (*each)["learning"] = {{1000, 0.9}, {2000, 0.5}};
    return claim_of({one, other}, words);
  };
  for (const auto& [words, first, second] :
       {std::tuple("larger teacher", "x_ecomla_4_large", "x_ecomla_4"), std::tuple("6 times", "x_ecomla_6_4", "base"),
        std::tuple("SMART", "zebra_half", "zebra_half_uniform"),
        std::tuple("fewer tokens", "zebra_quarter", "zebra_quarter_reference"),
        std::tuple("DPO", "zebra_quarter_dpo", "zebra_quarter")}) {
    const Json little = claim(words, first, second, 499), enough = claim(words, first, second, 500);
    if (std::string(words) != "SMART") {  // both rows have the same layers here
      EXPECT_EQ(little["verdict"], "not a test") << words;
      EXPECT_NE(little["note"].get<std::string>().find("0.499 for each parameter"), std::string::npos) << words;
    }
    EXPECT_NE(enough["verdict"], "not a test") << words;
  }
}

TEST(Claims, MissingRowsAndTasks) {
  const Json results = results_of({row("base", 0.6)});
  ASSERT_EQ(results["claims"].size(), 6u);
  for (const Json& claim : results["claims"]) {
    EXPECT_EQ(claim["verdict"], "not measured");
    EXPECT_NE(claim["note"].get<std::string>().find("needs the rows"), std::string::npos);
  }
  Json base = row("base", 0.6), student = row("x_ecomla_6_4", 0.6);
  for (Json* each : {&base, &student}) {
    for (const char* key : {"averages", "tasks", "recall"}) each->erase(key);
  }
  Json bare = {{"tasks", Json::array()}, {"shots", Json::array()}, {"rows", {base, student}}};
  const Json claim = judge_claims(bare)[1];
  EXPECT_EQ(claim["verdict"], "not measured");
  EXPECT_EQ(claim["note"], "needs tasks");
  EXPECT_EQ(claim["comparisons"][0]["measures"].size(), 1u);  // the KL
}

TEST(ReproducePage, HoldsTablesFiguresAndClaims) {
  const std::string page =
      reproduce_page(results_of({row("base", 0.6), row("x_ecomla_6_4", 0.55), row("zebra_quarter", 0.61)}));
  const auto count = [&](const std::string& part) {
    size_t found = 0;
    for (size_t at = page.find(part); at != std::string::npos; at = page.find(part, at + 1)) ++found;
    return found;
  };
  EXPECT_EQ(count("<svg"), 4u);     // both means, recall, KL
  EXPECT_EQ(count("<circle"), 6u);  // two rows in three of them
  EXPECT_EQ(count(">teacher</text>"), 3u);
  EXPECT_EQ(count("<h3>"), 6u);
  EXPECT_EQ(count("<b>refuted</b>"), 1u);
  EXPECT_EQ(count("<b>not measured</b>"), 4u);
  EXPECT_EQ(count("<h2>Each task, 5-shot</h2>"), 1u);
  for (const char* part : {"<script", "href=", "src=", "@import", "url(", "nan"}) EXPECT_EQ(count(part), 0u) << part;
}

}  // namespace
}  // namespace zebra
