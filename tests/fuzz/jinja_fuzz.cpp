// Chat templates: any text is parsed and, if it is a template, rendered, within the limits.
#include "base/error.h"
#include "data/jinja/jinja.h"
#include "data/json_lines.h"
#include "fuzz/fuzz.h"

namespace zebra::fuzz {

namespace {

constexpr const char* kCases = "tests/golden/jinja/cases.jsonl";

// The variables of the cases, all together.
const Json& variables() {
  static const Json all = [] {
    Json out = Json::object();
    read_json_lines(kCases, [&](const Json& line, const std::string&) {
      if (line.contains("variables")) out.update(line["variables"]);
      return true;
    });
    return out;
  }();
  return all;
}

}  // namespace

std::vector<std::string> seeds() {
  std::vector<std::string> out;
  read_json_lines(kCases, [&](const Json& line, const std::string&) {
    out.push_back(line["template"]);
    return true;
  });
  return out;
}

std::vector<std::string> words() {
  return {"{{ ",
          " }}",
          "{% ",
          " %}",
          "{#",
          "#}",
          "-%}",
          "{% set ",
          "{% for x in ",
          "{% endfor %}",
          "{% if ",
          "{% endif %}",
          "{% else %}",
          "{% macro f(x) %}",
          "{% endmacro %}",
          "{{ f(f) }}",
          "n.v",
          "namespace()",
          "namespace(v=1)",
          "{% set n.v = ",
          "loop",
          "loop.changed",
          "loop.cycle",
          "range(9)",
          "range(99999)",
          " if ",
          " else ",
          " is ",
          " in ",
          " not ",
          " and ",
          " or ",
          " | ",
          "map('",
          "| tojson",
          "| list",
          "| sort",
          "| string",
          "| unique",
          "| int(0, ",
          "| abs",
          "| items",
          ".copy()",
          ".items()",
          ".split(",
          ".replace(",
          ".get(",
          "[::-1]",
          "[",
          "]",
          "(",
          ")",
          "{",
          "}",
          ":",
          ",",
          "'",
          "\"",
          "\\",
          "~",
          "+",
          "-",
          "*",
          "//",
          "**",
          "%",
          "=",
          "==",
          "<",
          "9223372036854775807",
          "-1",
          "0",
          "1e308",
          "\xc3\x9f",
          "\xff",
          "messages",
          "{% raw %}",
          "{% endraw %}",
          "{% filter upper %}",
          "{% endfilter %}",
          "{% call f() %}",
          "{% endcall %}",
          "caller()",
          "{% break %}",
          "{% continue %}",
          " recursive",
          "loop(",
          "{% generation %}",
          "{% endgeneration %}",
          "raise_exception("};
}

}  // namespace zebra::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  zebra::jinja::Limits limits;
  limits.steps = 20000;  // many short renderings find more than a few long ones
  limits.bytes = int64_t{4} << 20;
  limits.now = 1;
  try {
    const std::string_view source(reinterpret_cast<const char*>(data), size);
    zebra::jinja::Template::parse(source, "fuzz").render(zebra::fuzz::variables(), limits);
  } catch (const zebra::Error& error) {
    if (error.kind() != zebra::ErrorKind::input) __builtin_trap();
  }
  return 0;
}
