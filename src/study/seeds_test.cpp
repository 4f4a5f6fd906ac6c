#include "study/seeds.h"

#include <gtest/gtest.h>

#include <cmath>

namespace zebra {
namespace {

// Results of one row, scored so.
Json results(int64_t seed, double score, const Json& layers, const Json& error = 0.03) {
  const Json scored = {{"score", score}, {"stderr", error}};
  const Json row = {{"row", "zebra_half"},
                    {"kv_percent", 3.9},
                    {"tokens", 512},
                    {"mla_layers", layers},
                    {"kl", score / 4},
                    {"recall", Json()},
                    {"learning", {{256, 1.0}, {512, score}}},
                    {"averages", {{"0", scored}}},
                    {"tasks", {{"0", {{"piqa", scored}, {"race", Json()}}}}}};
  Json out = {{"teacher", "t"}, {"tokens", 512}, {"tasks", {"piqa", "race"}}, {"shots", {0}}, {"seeds", {seed}}};
  out["rows"] = Json::array({row});
  return out;
}

TEST(Seeds, NumbersBecomeMeans) {
  const Json mean = mean_of_seeds({results(3, 0.5, {1}), results(4, 0.75, {1}), results(5, 1.0, {1})});
  EXPECT_EQ(mean["seeds"], Json({3, 4, 5}));
  const Json& row = mean["rows"][0];
  EXPECT_EQ(row["row"], "zebra_half");
  EXPECT_EQ(row["kv_percent"], 3.9);
  EXPECT_EQ(row["tokens"], 512);
  EXPECT_EQ(row["mla_layers"], Json::array({1}));
  EXPECT_DOUBLE_EQ(row["kl"].get<double>(), 0.1875);
  EXPECT_TRUE(row["recall"].is_null());
  EXPECT_EQ(row["learning"], Json({{256, 1.0}, {512, 0.75}}));
  const Json& score = row["averages"]["0"];
  EXPECT_DOUBLE_EQ(score["score"].get<double>(), 0.75);
  // The seeds' variance is (0.25^2 + 0 + 0.25^2) / 2, of their mean a third of that.
  EXPECT_NEAR(score["stderr"].get<double>(), std::sqrt(0.03 * 0.03 + 0.0625 / 3), 1e-12);
  EXPECT_EQ(row["tasks"]["0"]["piqa"], score);
  EXPECT_TRUE(row["tasks"]["0"]["race"].is_null());
  ASSERT_EQ(row["by_seed"].size(), 3u);
  EXPECT_EQ(row["by_seed"][2]["seed"], 5);
  EXPECT_EQ(row["by_seed"][2]["averages"]["0"]["score"], 1.0);
  EXPECT_FALSE(mean["claims"].empty());
}

TEST(Seeds, WhatTheyDoNotShareIsNull) {
  const Json mean = mean_of_seeds({results(0, 0.5, {1}), results(1, 0.5, {2}, Json())});
  const Json& row = mean["rows"][0];
  EXPECT_TRUE(row["mla_layers"].is_null());
  EXPECT_EQ(row["by_seed"][1]["mla_layers"], Json::array({2}));
  EXPECT_EQ(row["averages"]["0"]["score"], 0.5);
  EXPECT_TRUE(row["averages"]["0"]["stderr"].is_null());
}

}  // namespace
}  // namespace zebra
