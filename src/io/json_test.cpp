#include "io/json.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "io/json_builder.h"

namespace zebra {
namespace {

std::string error_of(std::string_view text) {
  try {
    parse_json(text, "x.json");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::input);
    return error.what();
  }
  return "";
}

void expect_words(const std::string& message, const std::vector<std::string>& words) {
  for (const auto& word : words) EXPECT_NE(message.find(word), std::string::npos) << word << " in: " << message;
}

TEST(Json, NulIsNoEnd) {
  using std::string_view_literals::operator""sv;
  expect_words(error_of("{\"a\": 1}\0 not JSON"sv), {"x.json: ", "NUL at byte 9"});
  expect_words(error_of("{\"a\": 1}\0"sv), {"NUL at byte 9"});
  expect_words(error_of("\0{\"a\": 1}"sv), {"NUL at byte 1"});
  expect_words(error_of("{\"a\0b\": 1}"sv), {"NUL at byte 4"});
  expect_words(error_of("{\"a\": 1,\0}"sv), {"NUL at byte 9"});
  expect_words(error_of("\"\\\0\""sv), {"NUL at byte 3"});
  EXPECT_EQ(error_of(R"({"a\u0000b": 1})"), "");
}

TEST(Json, NothingBehindTheValue) {
  for (const char* text : {"{} {}", "{}]", "1 2", "{},", "[] x", "{}\x01"}) {
    expect_words(error_of(text), {"x.json: expected JSON, found at byte"});
  }
  EXPECT_EQ(error_of(" {} \n\r\t"), "");
}

TEST(Json, DuplicatesAndDepth) {
  expect_words(error_of(R"({"a": {"b": 1, "c": 2, "b": 1}})"), {"\"b\" twice"});
  EXPECT_EQ(error_of(R"([{"a": 1}, {"a": 1, "b": {"a": 1}}])"), "");
  EXPECT_EQ(error_of(std::string(64, '[') + std::string(64, ']')), "");
  expect_words(error_of(std::string(65, '[') + std::string(65, ']')), {"nested at most 64"});
  expect_words(error_of("\xff"), {"expected JSON"});
  expect_words(error_of("\"\xc3(\""), {"expected JSON"});
  expect_words(error_of(""), {"expected JSON"});
}

TEST(Json, KeepsOrderAndValues) {
  const char* text = R"({"z":[1,-2,3.5,true,null,"\u00e9"],"a":{"y":{},"x":[]},"m":18446744073709551615})";
  EXPECT_EQ(parse_json(text, "x").dump(), Json::parse(text).dump());
}

TEST(Json, MembersGoWhereTheyAreSent) {
  JsonBuilder list("x: list");
  JsonMembers members("x", [&](const std::string& key) { return key == "list" ? &list : nullptr; });
  parse_events(R"({"a": 1, "list": [1, {"list": 2}], "b": {"list": [3]}})", "x", members);
  EXPECT_EQ(list.take(), Json::parse(R"([1, {"list": 2}])"));
  EXPECT_EQ(members.rest(), Json::parse(R"({"a": 1, "list": null, "b": {"list": [3]}})"));
  for (const char* text : {"[]", "3"}) {
    JsonMembers other("x", [](const std::string&) { return nullptr; });
    EXPECT_THROW(parse_events(text, "x", other), Error) << text;
  }
  JsonMembers twice("x", [&](const std::string& key) { return key == "list" ? &list : nullptr; });
  EXPECT_THROW(parse_events(R"({"list": 1, "list": 1})", "x", twice), Error);
}

TEST(Json, BudgetOfMemory) {
  JsonBuilder builder("x", 10000);
  parse_events("[1,2,3]", "x", builder);
  EXPECT_EQ(builder.take().size(), 3u);
  EXPECT_THROW(parse_events("[" + std::string(20000, '1') + "]", "x", builder), Error);  // not a number of any type
  std::string many = "[0";
  for (int i = 0; i < 10000; ++i) many += ",0";
  JsonBuilder full("x", 10000);
  EXPECT_THROW(parse_events(many + "]", "x", full), Error);
}

}  // namespace
}  // namespace zebra
