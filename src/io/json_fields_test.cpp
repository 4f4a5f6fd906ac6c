#include "io/json_fields.h"

#include <gtest/gtest.h>

namespace zebra {
namespace {

struct Shape {
  int64_t hidden = 64;
  template <class Visit>
  void fields(Visit&& visit) {
    visit("hidden", hidden, "");
  }
};

struct Recipe {
  std::vector<std::string> data;
  double lr = 0.1;
  bool tied = true;
  Shape model;
  template <class Visit>
  void fields(Visit&& visit) {
    visit("data", data, "");
    visit("lr", lr, "");
    visit("tied", tied, "");
    visit("model", model, "");
  }
};

std::string error_of(const char* text) {
  Recipe recipe;
  try {
    load_fields(recipe, parse_json(text, "recipe.json"), "recipe.json");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::input);
    return error.what();
  }
  return "";
}

TEST(JsonFields, SavedIsLoaded) {
  Recipe recipe{{"a", "b"}, 3e-3, false, {128}};
  Recipe again;
  load_fields(again, save_fields(recipe), "here");
  EXPECT_EQ(save_fields(again), save_fields(recipe));
  EXPECT_EQ(again.model.hidden, 128);
}

TEST(JsonFields, AbsentKeysKeepTheirValue) {
  Recipe recipe;
  load_fields(recipe, parse_json(R"({"model": {"hidden": 32}, "lr": null})", "x"), "x");
  EXPECT_EQ(recipe.model.hidden, 32);
  EXPECT_EQ(recipe.lr, 0.1);
}

TEST(JsonFields, ErrorsNameFileKeyAndNearest) {
  EXPECT_NE(error_of(R"({"dta": []})").find("recipe.json: unknown key \"dta\" (did you mean \"data\"?)"),
            std::string::npos);
  EXPECT_NE(error_of(R"({"model": {"hiden": 3}})").find("model: unknown key \"hiden\""), std::string::npos);
  EXPECT_NE(error_of(R"({"lr": "fast"})").find("key \"lr\": expected a number"), std::string::npos);
  EXPECT_NE(error_of(R"({"data": [1]})").find("key \"data\""), std::string::npos);
  EXPECT_NE(error_of(R"({"model": 3})").find("expected a JSON object"), std::string::npos);
  EXPECT_NE(error_of(R"([])").find("expected a JSON object"), std::string::npos);
}

}  // namespace
}  // namespace zebra
