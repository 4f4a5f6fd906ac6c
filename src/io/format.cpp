#include "io/format.h"

#include "base/error.h"

namespace zebra {

int64_t read_format(const Json& object, const std::string& where, int64_t known) {
  if (!object.is_object()) fail_input(where, ": expected a JSON object, found ", object.type_name());
  const int64_t found = json_get<int64_t>(object, "format", 1, where);
  if (found < 1) fail_input(where, ": key \"format\": expected 1 or more, found ", found);
  if (found > known) {
    fail_input(where, ": key \"format\": expected at most ", known, ", found ", found,
               ": a newer version of the program wrote it; use that one");
  }
  return found;
}

}  // namespace zebra
