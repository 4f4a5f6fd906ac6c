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

std::string times(const std::string& text, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += text;
  return out;
}

std::string shown(const std::string& source) {
  return Template::parse(source, "t").render(Json::object());
}

bool mentions(const std::string& source, const std::string& words) {
  const std::string message = message_of(source);
  const bool found = message.find(words) != std::string::npos;
  if (!found) ADD_FAILURE() << source.substr(0, 200) << "\n" << message.substr(0, 200);
  return found;
}

TEST(Jinja, NestingIsLimited) {
  EXPECT_NE(message_of("{{ " + times("(", 5000) + "1" + times(")", 5000) + " }}").find("64 deep"), std::string::npos);
  EXPECT_NE(message_of(times("{% if a %}", 5000)).find("64 deep"), std::string::npos);
  EXPECT_NE(message_of("{{ 1" + times(" + 1", 5000) + " }}").find("1000 operators"), std::string::npos);
  EXPECT_NE(message_of("{{ a" + times(".b", 5000) + " }}").find("1000 operators"), std::string::npos);
  EXPECT_NE(message_of("{{ " + times("not ", 5000) + "a }}").find("64 deep"), std::string::npos);
  EXPECT_NE(message_of("{{ " + times("- ", 5000) + "1 }}").find("64 deep"), std::string::npos);
  mentions("{% set " + times("(", 400000) + "a" + times(")", 400000) + " = 1 %}", "64 deep");
  mentions("{% for " + times("(", 400000) + "a" + times(")", 400000) + " in b %}", "64 deep");
  mentions("{{ 1" + times(" if 1", 200000) + " }}", "1000 operators");
  mentions("{{ 1" + times(" is odd", 140000) + " }}", "1000 operators");
  mentions("{{ 1" + times(" is odd is eq(1)", 60000) + " }}", "1000 operators");
  mentions("{{ 1 | string" + times("()", 400000) + " }}", "1000 operators");
  EXPECT_EQ(shown("{{ 1" + times(" + 1", 1000) + " }}"), "1001");
  EXPECT_EQ(shown("{{ 1" + times(" if 1", 1000) + " }}"), "1");
}

// Each call is within the limits, all of them together are not.
TEST(Jinja, NestedEvaluationIsLimited) {
  mentions("{% macro f() %}{{ f()" + times(" + ''", 900) + " }}{% endmacro %}{{ f() }}", "1500 deep");
  mentions(
      "{% macro f() %}" + times("{% if 1 %}", 50) + "{{ f() }}" + times("{% endif %}", 50) + "{% endmacro %}{{ f() }}",
      "1500 deep");
  mentions("{{ 'a' | map(" + times("'map', ", 2000) + "'upper') | list }}", "more than");
  EXPECT_EQ(shown("{% macro f(n) %}{{ n if n == 0 else f(n - 1) }}{% endmacro %}{{ f(60) }}"), "0");
}

TEST(Jinja, ValuesAreNotNestedDeeply) {
  mentions("{% set n = namespace() %}{% for i in range(99999) %}{% set n.v = [n.v] %}{% endfor %}", "64 deep");
  mentions("{% set n = namespace() %}{% for i in range(99999) %}{% set n.v = {'a': n.v} %}{% endfor %}", "64 deep");
  mentions("{% set n = namespace() %}{% for i in range(99999) %}{% set n.v = [n.v].copy %}{% endfor %}", "64 deep");
  mentions("{% set n = namespace() %}{% for i in range(99999) %}{% set n.v = dict(a=n.v) %}{% endfor %}", "64 deep");
  mentions("{% set n = namespace() %}{% for i in range(99999) %}{% set n.v = {'a': n.v} | items %}{% endfor %}",
           "64 deep");
  const std::string both = "{% set a = 1 %}" + times("{% set a = [a, a] %}", 40);
  mentions(both + "{{ a }}", "bytes");
  mentions(both + "{{ a | tojson }}", "bytes");
  mentions(both + "{{ a | string | length }}", "bytes");
  const std::string twins = times("{% set a = [a, a] %}{% set b = [b, b] %}", 40);
  mentions(twins + "{{ a == b }}", "never end");
  mentions(twins + "{{ a < b }}", "never end");
  mentions(twins + "{{ a in [b] }}", "never end");
  mentions(twins + "{{ [a, b] | sort }}", "never end");
  mentions(twins + "{{ [a, b] | unique }}", "never end");
  mentions(times("{% set a = {'x': a, 'y': a} %}{% set b = {'x': b, 'y': b} %}", 40) + "{{ a is eq(b) }}", "never end");
  EXPECT_EQ(shown(both + "{{ a == a }}"), "True");
}

TEST(Jinja, NamespacesHoldNoNamespaces) {
  const std::string two = "{% set p = namespace() %}{% set q = namespace() %}";
  mentions(two + "{% set p.a = p %}{% set q.a = q %}{{ p == q }}", "cannot hold another");
  mentions(two + "{% set p.a = [{'x': q}] %}", "cannot hold another");
  mentions(two + "{% set p.a = [p].copy %}", "cannot hold another");
  mentions(two + "{% for x in [1] %}{% set p.a = loop %}{% endfor %}", "cannot hold another");
  EXPECT_EQ(shown(two + "{{ p == q }} {{ p == p }} {{ namespace(a=p).a == p }}"), "False True True");
}

TEST(Jinja, LoopChangedDoesNotOutliveItsLoop) {
  mentions("{% set n = namespace() %}{% for x in [1] %}{% set n.f = loop.changed %}{% endfor %}{{ n.f(1) }}",
           "loop.changed");
  mentions("{% set n = namespace() %}{% for x in [1] %}{{ loop.changed(n) }}{% endfor %}", "loop.changed");
  mentions("{% for x in [1] %}{{ loop.changed(loop.changed) }}{% endfor %}", "loop.changed");
  EXPECT_EQ(shown("{% for x in [1, 1, 2] %}{% set f = loop.changed %}{{ f(x) }} {% endfor %}"), "True False True ");
}

TEST(Jinja, IntegersStayInBounds) {
  for (const char* base : {"1", "-1", "37", "4294967306"})
    mentions("{{ '10' | int(0, " + std::string(base) + ") }}", "a base of 0 or from 2 to 36");
  EXPECT_EQ(shown("{{ '10' | int(0, 0) }} {{ '10' | int(0, 2) }} {{ 'z' | int(0, 36) }}"), "10 2 35");
  const std::string least = "{% set m = '-9223372036854775808' | int %}{% set g = 9 * 10 ** 18 %}";
  mentions(least + "{{ m | abs }}", "64 bits");
  mentions(least + "{{ -m }}", "64 bits");
  EXPECT_EQ(shown(least + "{{ m is divisibleby(-1) }} {{ m % -1 }} {{ m[::1] is defined if 0 else 'x' }}"), "True 0 x");
  EXPECT_EQ(shown(least + "{{ range(0, g, g - 1) | join(' ') }}"), "0 8999999999999999999");
  EXPECT_EQ(shown(least + "{{ range(g, m, m) | join(' ') }}"), "9000000000000000000 -223372036854775808");
  EXPECT_EQ(shown(least + "{{ range(m, m, m) | list }}{{ range(0, m, m) | list }}{{ range(5, 0, -2) | list }}"),
            "[][0][5, 3, 1]");
  EXPECT_EQ(shown(least + "{{ 'abc'[::m] }}{{ 'abc'[m:g:g] }}{{ 'abc'[::-2] }}"), "caca");
}

// Work that grows with the product of two texts, or is done again and again, is counted before it is done.
TEST(Jinja, SlowTextsAreRefused) {
  const std::string large =
      "{% set a = 'a' * 4000000 %}{% set b = 'a' * 2000000 ~ 'b' %}{% set c = 'b' * 2000000 ~ 'a' %}";
  for (const char* slow : {"b in a", "a.find(b)", "a.rfind('b' ~ b)", "a.count(b)", "a.split(b)", "a.replace(b, '')",
                           "a.strip(c)", "a | trim(c)", "a.index(b)", "a | replace(b, 'x')"}) {
    mentions(large + "{{ " + slow + " }}", "bytes");
  }
  for (const char* slow : {"a == a ~ ''", "a | length", "a is lower", "a.isdigit()", "a.startswith(b)", "a is ge(b)"}) {
    mentions(large + "{% for i in range(90000) %}{% if " + slow + " %}{% endif %}{% endfor %}", "bytes");
  }
}

TEST(Jinja, CopiesOfDictsArePaidFor) {
  const std::string large = "{% set k = 'x' * 1000000 %}{% set n = namespace(l=[]) %}{% set d = {k: 1} %}";
  for (const char* copy : {"d.copy()", "dict(d)", "namespace(d)", "{k: 1}", "d | list", "d.items()"}) {
    mentions(large + "{% for i in range(100) %}{% set l = [" + copy + "] %}{% endfor %}", "bytes");
  }
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
