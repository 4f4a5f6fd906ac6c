// What Python 3.11 gives for the same calls.
#include "data/python_text.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "data/python_literal.h"

namespace zebra::python {
namespace {

TEST(PythonText, Case) {
  EXPECT_EQ(lower(""), "");
  EXPECT_EQ(upper(""), "");
  EXPECT_EQ(capitalize(""), "");
  EXPECT_EQ(title(""), "");
  EXPECT_EQ(lower("hello WORLD"), "hello world");
  EXPECT_EQ(upper("hello WORLD"), "HELLO WORLD");
  EXPECT_EQ(capitalize("hello WORLD"), "Hello world");
  EXPECT_EQ(title("hello WORLD"), "Hello World");
  EXPECT_EQ(lower("é ÉCOLE straße"), "é école straße");
  EXPECT_EQ(upper("é ÉCOLE straße"), "É ÉCOLE STRASSE");
  EXPECT_EQ(capitalize("é ÉCOLE straße"), "É école straße");
  EXPECT_EQ(title("é ÉCOLE straße"), "É École Straße");
  EXPECT_EQ(lower("ΑΒΓ δ"), "αβγ δ");
  EXPECT_EQ(upper("ΑΒΓ δ"), "ΑΒΓ Δ");
  EXPECT_EQ(capitalize("ΑΒΓ δ"), "Αβγ δ");
  EXPECT_EQ(title("ΑΒΓ δ"), "Αβγ Δ");
  EXPECT_EQ(lower("they're Ünder-way 3rd"), "they're ünder-way 3rd");
  EXPECT_EQ(upper("they're Ünder-way 3rd"), "THEY'RE ÜNDER-WAY 3RD");
  EXPECT_EQ(capitalize("they're Ünder-way 3rd"), "They're ünder-way 3rd");
  EXPECT_EQ(title("they're Ünder-way 3rd"), "They'Re Ünder-Way 3Rd");
  EXPECT_EQ(lower("  x\u001f 　"), "  x\u001f 　");
  EXPECT_EQ(upper("  x\u001f 　"), "  X\u001f 　");
  EXPECT_EQ(capitalize("  x\u001f 　"), "  x\u001f 　");
  EXPECT_EQ(title("  x\u001f 　"), "  X\u001f 　");
  EXPECT_EQ(lower("ß"), "ß");
  EXPECT_EQ(upper("ß"), "SS");
  EXPECT_EQ(capitalize("ß"), "Ss");
  EXPECT_EQ(title("ß"), "Ss");
  EXPECT_EQ(lower("µm ſ"), "µm ſ");
  EXPECT_EQ(upper("µm ſ"), "ΜM S");
  EXPECT_EQ(capitalize("µm ſ"), "Μm ſ");
  EXPECT_EQ(title("µm ſ"), "Μm S");
}

TEST(PythonText, Strips) {
  EXPECT_EQ(strip("  \tx y\n　"), "x y");
  EXPECT_EQ(strip_left("  \tx y\n　"), "x y\n　");
  EXPECT_EQ(strip_right("  \tx y\n　"), "  \tx y");
  EXPECT_EQ(strip("äxxä", "äy"), "xx");
  EXPECT_EQ(length("äß北"), 3);
}

TEST(PythonText, Splits) {
  EXPECT_EQ(split("a,b,,c", ","), (std::vector<std::string>{"a", "b", "", "c"}));
  EXPECT_EQ(split("a,b,,c", ",", 1), (std::vector<std::string>{"a", "b,,c"}));
  EXPECT_EQ(split("", ","), (std::vector<std::string>{""}));
  EXPECT_EQ(split_space(" a  b c "), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(split_space(" a  b c ", 1), (std::vector<std::string>{"a", "b c "}));
  EXPECT_EQ(split_space("  "), (std::vector<std::string>{}));
}

TEST(PythonText, Replaces) {
  EXPECT_EQ(replace("aaa", "a", "bb", -1), "bbbbbb");
  EXPECT_EQ(replace("aaa", "a", "bb", 2), "bbbba");
  EXPECT_EQ(replace("äb", "", "-", -1), "-ä-b-");
  EXPECT_EQ(replace("abab", "ab", "", -1), "");
  EXPECT_EQ(replace("x", "y", "z", -1), "x");
  EXPECT_EQ(replace("ab", "", "-", 2), "-a-b");
}

TEST(PythonLiteral, Reads) {
  EXPECT_EQ(parse_literal("[{'a': \"it's\", 'b': [1, -2.5, None, True,]}, ('x' 'y',)]", "t").dump(),
            R"([{"a":"it's","b":[1,-2.5,null,true]},["xy"]])");
  EXPECT_EQ(parse_literal(R"('\x41\u00e9\n\'\q\101')", "t"), "Aé\n'\\qA");
}

TEST(PythonLiteral, Refuses) {
  for (const char* text :
       {"", "[", "[1", "{'a'}", "{1: 2}", "'a", "'a\n'", "x", "1 2", "'\\x4'", "'\\ud800'", "--1", "[,]", "1e", "."})
    EXPECT_THROW(parse_literal(text, "t"), Error) << text;
  EXPECT_THROW(parse_literal(std::string(100000, '['), "t"), Error);
}

}  // namespace
}  // namespace zebra::python
