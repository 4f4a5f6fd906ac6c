#include "base/fields.h"

#include <gtest/gtest.h>

#include <map>

namespace zebra {
namespace {

struct Inner {
  double rate = 0.5;
  template <class Visit>
  void fields(Visit&& visit) {
    visit("rate", rate, "a rate");
  }
};

struct Settings {
  int64_t batch_tokens = 4;
  bool tied = false;
  std::string name = "plain";
  std::vector<std::string> files;
  Inner inner;
  template <class Visit>
  void fields(Visit&& visit) {
    visit("batch_tokens", batch_tokens, "tokens in a step");
    visit("tied", tied, "one matrix");
    visit("name", name, "a name");
    visit("files", files, "some files");
    visit("inner", inner, "a group");
  }
};

std::string error_of(const std::string& assignment) {
  Settings settings;
  try {
    set_field(settings, assignment);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    return error.what();
  }
  return "";
}

TEST(Fields, AssignmentsReachEveryType) {
  Settings settings;
  for (const char* text : {"batch-tokens=8192", "tied=true", "name=a=b", "files=x.jsonl,y.jsonl", "inner.rate=1e-3"}) {
    set_field(settings, text);
  }
  EXPECT_EQ(settings.batch_tokens, 8192);
  EXPECT_TRUE(settings.tied);
  EXPECT_EQ(settings.name, "a=b");
  EXPECT_EQ(settings.files, (std::vector<std::string>{"x.jsonl", "y.jsonl"}));
  EXPECT_DOUBLE_EQ(settings.inner.rate, 1e-3);
}

TEST(Fields, WholeNumbersMayBeShort) {
  const std::map<std::string, int64_t> good = {{"12", 12},         {"-3", -3},        {"64k", 64000},
                                               {"1.64M", 1640000}, {"8.2M", 8200000}, {"1B", 1000000000}};
  for (const auto& [text, expected] : good) {
    int64_t value = 0;
    EXPECT_TRUE(parse_field(text, value)) << text;
    EXPECT_EQ(value, expected) << text;
  }
  for (const char* text : {"", "k", "1.5", "12x", "1e3", "1.0000001k", "9999999999999B", "nan", " 1"}) {
    int64_t value = 0;
    EXPECT_FALSE(parse_field(text, value)) << text;
  }
  double number = 0;
  for (const char* text : {"", "nan", "inf", "1.5x", "--1"}) EXPECT_FALSE(parse_field(text, number)) << text;
}

TEST(Fields, ErrorsNameTheKeyAndTheNearest) {
  EXPECT_NE(error_of("batch_token=3").find("did you mean \"batch_tokens\""), std::string::npos);
  EXPECT_NE(error_of("inner.rat=3").find("did you mean \"inner.rate\""), std::string::npos);
  EXPECT_NE(error_of("batch_tokens=many").find("expected a whole number"), std::string::npos);
  EXPECT_NE(error_of("tied=maybe").find("true or false"), std::string::npos);
  EXPECT_NE(error_of("lr").find("key=value"), std::string::npos);
  EXPECT_NE(error_of("zzzzzzzz=1").find("known are"), std::string::npos);
}

TEST(Fields, HelpListsEveryKeyWithItsValue) {
  const std::string help = fields_help(Settings{});
  for (const char* text : {"batch_tokens = 4", "tied = false", "inner.rate = 0.5", "tokens in a step"}) {
    EXPECT_NE(help.find(text), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace zebra
