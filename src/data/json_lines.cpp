#include "data/json_lines.h"

#include <algorithm>

#include "base/error.h"
#include "data/byte_source.h"

namespace zebra {

namespace {

using EachObject = std::function<bool(const Json& object, const std::string& where)>;

bool read_line(std::string_view line, const std::string& where, const EachObject& each) {
  if (line.find_first_not_of(" \t\r") == std::string_view::npos) return true;
  const Json json = parse_json(line, where);
  if (!json.is_object()) fail_input(where, ": expected a JSON object, found ", json.dump().substr(0, 80));
  return each(json, where);
}

}  // namespace

std::string text_kind(const fs::path& path) {
  fs::path name = path.filename();
  if (name.extension() == ".gz" || name.extension() == ".zst") name = name.stem();
  if (name.extension() == ".xz") {
    fail_input(path.string(), ": expected plain, .gz or .zst, found .xz: unpack it with xz -d");
  }
  return name.extension().string();
}

void read_json_lines(const fs::path& path, const EachObject& each) {
  const std::string kind = text_kind(path);
  if (kind != ".jsonl" && kind != ".json") {
    fail_input(path.string(), ": expected .jsonl (or .jsonl.gz, .jsonl.zst), found \"", kind, "\"");
  }
  const auto source = ByteSource::open(path);
  std::string line;
  int64_t number = 1;
  const auto place = [&] { return cat(path.string(), ", line ", number); };
  std::string_view chunk;
  while (!(chunk = source->next()).empty()) {
    while (!chunk.empty()) {
      const size_t end = std::min(chunk.find('\n'), chunk.size());
      if (line.size() + end > kMaxDocument) {
        fail_input(place(), ": expected a line of at most ", kMaxDocument, " bytes, found a longer one");
      }
      line += chunk.substr(0, end);
      if (end == chunk.size()) break;
      chunk.remove_prefix(end + 1);
      if (!read_line(line, place(), each)) return;
      line.clear();
      ++number;
    }
  }
  if (!line.empty()) read_line(line, place(), each);
}

}  // namespace zebra
