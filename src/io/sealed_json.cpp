#include "io/sealed_json.h"

#include "base/error.h"
#include "io/crc32c.h"

namespace zebra {

namespace {

constexpr const char* kSeal = "crc32c";

}  // namespace

void write_sealed_json(const fs::path& path, const Json& object) {
  std::string text = object.dump(2, ' ', false, Json::error_handler_t::replace);
  text.resize(text.size() - 2);  // the newline and the brace at the end
  text += ",\n  ";
  write_file(path, cat(text, "\"", kSeal, "\": ", crc32c(text), "\n}\n"));
}

SealedJson read_sealed_json(const fs::path& path) {
  const std::string text = read_file(path);
  SealedJson out{parse_json(text, path.string()), false};
  if (!out.value.is_object()) {
    fail_input(path.string(), ": expected a JSON object, found ", out.value.type_name());
  }
  if (!out.value.contains(kSeal)) return out;
  const auto expected = json_get<int64_t>(out.value, kSeal, path.string());
  const uint32_t found = crc32c(std::string_view(text).substr(0, text.rfind(cat("\"", kSeal, "\": "))));
  if (found != expected) fail_input(path.string(), ": checksum: expected ", expected, ", found ", found);
  out.value.erase(kSeal);
  out.sealed = true;
  return out;
}

}  // namespace zebra
