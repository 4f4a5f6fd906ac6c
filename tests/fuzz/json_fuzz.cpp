// The guard of JSON: what it takes, nlohmann takes with the same result; and what it refuses is named.
#include "base/error.h"
#include "fuzz/files.h"
#include "fuzz/fuzz.h"
#include "io/json_builder.h"

namespace zebra::fuzz {

std::vector<std::string> seeds() {
  return {R"({"a": 1, "b": [true, false, null, -2, 3.5e-3, "\u00e9\n"], "c": {"d": {}, "e": []}})",
          R"([[1, 2], [3, [4, [5, "six"]]], {"k": "v", "l": 18446744073709551615}])",
          R"("text")",
          "12",
          "{\"a\": 1}" + std::string(1, '\0') + "{}",
          R"({"a": {"a": {"a": {"a": 1}}}, "long": {"x": 1, "y": "2"}})"};
}
std::vector<std::string> words() {
  return with_json_words({"\"long\": "});
}

}  // namespace zebra::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace zebra;
  const std::string_view text = fuzz::text(data, size);
  try {
    const Json read = parse_json(text, "fuzz");
    if (Json::parse(text) != read) __builtin_trap();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::input) __builtin_trap();
  }
  try {
    JsonBuilder part("fuzz: long", 4096);
    JsonMembers members("fuzz", [&](const std::string& key) { return key == "long" ? &part : nullptr; });
    parse_events(text, "fuzz", members, 8, 4096);
    if (members.rest().contains("long") != part.done()) __builtin_trap();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::input) __builtin_trap();
  }
  return 0;
}
