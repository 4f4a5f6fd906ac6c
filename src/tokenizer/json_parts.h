#pragma once
// What the readers of tokenizer.json's parts share: a part is an object with a "type".
#include <string>

#include "io/json.h"

namespace zebra {

std::string part_type(const Json& json, const std::string& where);
const Json& part_list(const Json& json, const std::string& key, const std::string& where);
// {"pattern": {"String": ".."}}, not empty; a regular expression is an error that names it.
std::string literal_pattern(const Json& json, const std::string& where);
std::string one_character(const Json& json, const std::string& key, const std::string& where);
[[noreturn]] void fail_part(const std::string& where, const std::string& type, const std::string& known);

}  // namespace zebra
