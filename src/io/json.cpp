#include "io/json.h"

#include "io/json_builder.h"
#include "io/json_limit.h"

namespace zebra {

Json parse_json(std::string_view text, const std::string& where, size_t max_depth) {
  JsonBuilder builder(where);
  parse_events(text, where, builder, max_depth, SIZE_MAX);
  return builder.take();
}

Json read_json(const fs::path& path) {
  return parse_json(read_file(path, kJsonLimit), path.string());
}

void write_json(const fs::path& path, const Json& value) {
  write_file(path, value.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

}  // namespace zebra
