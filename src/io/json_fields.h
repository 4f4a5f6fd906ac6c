#pragma once
// JSON for structs that list their fields (base/fields.h).
#include <algorithm>
#include <string>

#include "base/fields.h"
#include "io/json.h"

namespace zebra {

// Keys that are absent (or null) leave the value as it is; unknown keys are errors with the nearest known one.
template <class Config>
void load_fields(Config& config, const Json& object, const std::string& where) {
  if (!object.is_object()) fail_input(where, ": expected a JSON object, found ", object.dump().substr(0, 80));
  std::vector<std::string> known;
  config.fields([&](const char* name, auto&, const char*) { known.push_back(name); });
  for (const auto& [key, value] : object.items()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      fail_unknown_field(ErrorKind::input, where, key, known);
    }
  }
  config.fields([&](const char* name, auto& value, const char*) {
    using Value = std::decay_t<decltype(value)>;
    if constexpr (HasFields<Value>) {
      if (object.contains(name)) load_fields(value, object[name], where + ": " + name);
    } else {
      value = json_get<Value>(object, name, value, where);
    }
  });
}

template <class Config>
Json save_fields(Config config) {
  Json object = Json::object();
  config.fields([&](const char* name, auto& value, const char*) {
    if constexpr (HasFields<std::decay_t<decltype(value)>>) {
      object[name] = save_fields(value);
    } else {
      object[name] = value;
    }
  });
  return object;
}

}  // namespace zebra
