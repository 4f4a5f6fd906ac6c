#pragma once
// JSON from untrusted files: duplicate keys, depth, size and invalid UTF-8 are refused; key order is kept.
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/file.h"
#include "io/json_fwd.h"

namespace zebra {

// `where` (a path or "line 3 of x.jsonl") begins every error message.
Json parse_json(std::string_view text, const std::string& where, size_t max_depth = 64);
Json read_json(const fs::path& path);
void write_json(const fs::path& path, const Json& value);  // atomic, two-space indent

// Typed access with errors that name the file and key. The forms with a default also return it for null.
template <class T>
T json_get(const Json& object, const std::string& key, const std::string& where);
template <class T>
T json_get(const Json& object, const std::string& key, const T& otherwise, const std::string& where);

}  // namespace zebra

#include "io/json_get.h"
