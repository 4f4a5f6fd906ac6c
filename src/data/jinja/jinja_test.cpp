// Templates against what jinja2 gave for them (tests/golden/jinja), and what is refused.
#include "data/jinja/jinja.h"

#include <gtest/gtest.h>

#include <functional>

#include "base/error.h"
#include "data/json_lines.h"

namespace zebra::jinja {
namespace {

std::string message_of(const std::string& source, const Json& variables = Json::object(), const Limits& limits = {}) {
  try {
    const std::string text = Template::parse(source, "t").render(variables, limits);
    return "no error, but: " + text.substr(0, 100);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::input);
    return error.what();
  }
}

// Lines {"template", "variables", "output"}; without "variables" those of the line before hold, without "output"
// jinja2 raises.
void each_case(const std::function<void(const Json& line, const Json& variables, const std::string& where)>& each) {
  Json variables;
  read_json_lines("tests/golden/jinja/cases.jsonl", [&](const Json& line, const std::string& where) {
    if (line.contains("variables")) variables = line["variables"];
    each(line, variables, where);
    return true;
  });
}

TEST(Jinja, EqualsJinja2) {
  int64_t count = 0;
  each_case([&](const Json& line, const Json& variables, const std::string& where) {
    const std::string source = line["template"];
    Limits limits;
    if (line.contains("output")) {
      try {
        EXPECT_EQ(Template::parse(source, "t").render(variables, limits), line["output"].get<std::string>())
            << where << "\n"
            << source;
      } catch (const Error& error) {
        ADD_FAILURE() << where << "\n" << source << "\n" << error.what();
      }
    } else {
      EXPECT_THROW(Template::parse(source, "t").render(variables, limits), Error) << where << "\n" << source;
    }
    ++count;
  });
  EXPECT_GT(count, 100);
}

TEST(Jinja, WhatNeverEndsIsRefused) {
  const std::string inner = "{% for b in [1, 2, 3, 4, 5] %}{{ b + 1 + 1 }}{% endfor %}";
  EXPECT_NE(message_of("{% for a in range(99999) %}" + inner + "{% endfor %}").find("more than"), std::string::npos);
  EXPECT_NE(message_of("{% for a in range(99999) %}{{ 1 - 1 + 1 - 1 + 1 - 1 }}{% endfor %}").find("never end"),
            std::string::npos);
  EXPECT_NE(message_of("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}").find("64 deep"), std::string::npos);
  EXPECT_NE(message_of("{{ range(1000000000) | list | length }}").find("100000"), std::string::npos);
}

TEST(Jinja, WhatGrowsIsRefused) {
  EXPECT_NE(message_of("{{ 'x' * 100000000 }}").find("bytes"), std::string::npos);
  EXPECT_NE(message_of("{% for i in range(6000) %}{{ 'x' * 1000 }}{% endfor %}").find("an output of more"),
            std::string::npos);
  const std::string doubling =
      "{% set n = namespace(s='xx') %}{% for i in range(60) %}{% set n.s = n.s ~ n.s %}{% endfor %}";
  EXPECT_NE(message_of(doubling).find("bytes"), std::string::npos);
  EXPECT_NE(message_of("{% set n = namespace(s=[1]) %}{% for i in range(60) %}{% set n.s = n.s + n.s %}{% endfor %}")
                .find("bytes"),
            std::string::npos);
  EXPECT_NE(message_of("{{ ('a' * 1000000).replace('', 'b' * 1000000) }}").find("bytes"), std::string::npos);
  EXPECT_NE(
      message_of("{% set n = namespace(v=1) %}{% for i in range(99) %}{% set n.v = [n.v, n.v] %}{% endfor %}{{ n.v }}")
          .find("64 deep"),
      std::string::npos);
}

TEST(Jinja, NestingIsLimited) {
  const auto times = [](const std::string& text, int count) {
    std::string out;
    for (int i = 0; i < count; ++i) out += text;
    return out;
  };
  EXPECT_NE(message_of("{{ " + times("(", 5000) + "1" + times(")", 5000) + " }}").find("64 deep"), std::string::npos);
  EXPECT_NE(message_of(times("{% if a %}", 5000)).find("64 deep"), std::string::npos);
  EXPECT_NE(message_of("{{ 1" + times(" + 1", 5000) + " }}").find("1000 operators"), std::string::npos);
  EXPECT_NE(message_of("{{ a" + times(".b", 5000) + " }}").find("1000 operators"), std::string::npos);
  EXPECT_NE(message_of("{{ " + times("not ", 5000) + "a }}").find("64 deep"), std::string::npos);
  EXPECT_NE(message_of("{{ " + times("- ", 5000) + "1 }}").find("64 deep"), std::string::npos);
}

TEST(Jinja, ErrorsNameTheLine) {
  EXPECT_EQ(message_of("a\n{% if x %}\n"), "t, line 2: expected \"endif\" before the end of the template");
  EXPECT_EQ(message_of("a\n\n{{ x.y }}"), "t, line 3: \"x\" is undefined");
  EXPECT_EQ(message_of("{{ raise_exception('no tools') }}"), "t, line 1: the template says: no tools");
  EXPECT_EQ(message_of("{{ 'a' | nonsense }}"),
            "t, line 1: filter \"nonsense\" is not part of the chat template subset before the end of a tag");
  for (const char* source :
       {"{{", "{% for %}", "{{ 'a }}", "{% include 'x' %}", "{{ a b }}", "{{ [1, }}", "{# x", "{{ 1 / 0 }}",
        "{% break %}", "{{ {}.update }}{{ [].append(1) }}", "{% endif %}", "{{ ''.__class__() }}",
        "{{ 9223372036854775807 + 1 }}", "\xff", "{{ }}", "{% raw %}", "{{ 5[::0] }}", "{{ 'a'[::0] }}"}) {
    EXPECT_EQ(message_of(source).find("no error"), std::string::npos) << source;
  }
}

// Cut and changed templates end in an error or a text, whatever they are.
TEST(Jinja, DamagedTemplatesEndInOrder) {
  each_case([&](const Json& line, const Json& variables, const std::string&) {
    const std::string source = line["template"];
    for (size_t cut = 0; cut < source.size(); cut += 1 + source.size() / 16) {
      message_of(source.substr(0, cut), variables);
      std::string changed = source;
      changed[cut] = "{}%(|'"[cut % 6];
      message_of(changed, variables);
    }
  });
}

}  // namespace
}  // namespace zebra::jinja
