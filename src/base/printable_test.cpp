#include "base/printable.h"

#include <gtest/gtest.h>

namespace zebra {
namespace {

TEST(Printable, QuotedBytesSteerNoTerminal) {
  EXPECT_EQ(printable("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\xa6\x93"), "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\xa6\x93");
  EXPECT_EQ(printable("a\nb\x1b[31mc\x7f\t"), "a b [31mc  ");
  EXPECT_EQ(printable(std::string("a\0b", 3)), "a b");
  EXPECT_EQ(printable("a\xc2\x9b"
                      "b"),
            "a b");  // a control character of two bytes
  EXPECT_EQ(printable("a\xff"
                      "b"),
            "a\\xffb");
  // Cut short, longer than need be, a surrogate, above the last character, a second byte alone.
  EXPECT_EQ(printable("\xc3"), "\\xc3");
  EXPECT_EQ(printable("\xe2\x82"), "\\xe2\\x82");
  EXPECT_EQ(printable("\xc0\xaf"), "\\xc0\\xaf");
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
  EXPECT_EQ(printable("\x80"), "\\x80");
}

}  // namespace
}  // namespace zebra
