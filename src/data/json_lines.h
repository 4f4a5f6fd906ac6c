#pragma once
// JSONL files, plain or packed: one JSON object a line, empty lines passed over.
#include <functional>
#include <string>

#include "base/file.h"
#include "io/json.h"

namespace zebra {

// One document or line, in bytes: what a hostile file can make us hold.
constexpr size_t kMaxDocument = size_t{256} << 20;

// The extension of a text file without .gz or .zst: ".jsonl", ".txt"; .xz is refused with advice.
std::string text_kind(const fs::path& path);

// Calls `each` for every line's object in order, `where` = "FILE, line 3"; return false to stop. Errors name file and
// line.
void read_json_lines(const fs::path& path,
                     const std::function<bool(const Json& object, const std::string& where)>& each);

}  // namespace zebra
