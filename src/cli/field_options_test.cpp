// Commands as text.
#include "cli/field_options.h"

#include <gtest/gtest.h>

namespace zebra::cli {
namespace {

struct Settings {
  double rate = 0.001;
  std::string text;

  template <class Visit>
  void fields(Visit&& visit) {
    visit("rate", rate, "");
    visit("text", text, "");
  }
};

// A command that a card quotes must give the same run.
TEST(CommandText, NumbersReadBackAsTheSame) {
  for (const double number : {0.1, 1e-5, 0.00012345678901234567, 1.0 / 3, 16384.123456789, 5e-324, 1e300, -2.5, 0.0}) {
    const std::string text = exact_text(number);
    double back = 1;
    EXPECT_TRUE(parse_field(text, back)) << text;
    EXPECT_EQ(back, number);
  }
  EXPECT_EQ(command_text("x", Settings{.rate = 0.12345678}), "zebra x --rate 0.12345678");
  EXPECT_EQ(command_text("x", Settings{.rate = 0.0010000001}), "zebra x --rate 0.0010000001");  // not the default
  EXPECT_EQ(command_text("x", Settings{.text = "a b"}), "zebra x --text 'a b'");
  EXPECT_EQ(command_text("x", Settings{}), "zebra x");
}

}  // namespace
}  // namespace zebra::cli
