#pragma once
// Templates of io/json.h.
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "base/error.h"

namespace zebra {

namespace json_detail {

template <class T>
const char* type_text() {
  if constexpr (std::is_same_v<T, bool>)
    return "true or false";
  else if constexpr (std::is_integral_v<T>)
    return "an integer";
  else if constexpr (std::is_floating_point_v<T>)
    return "a number";
  else if constexpr (std::is_same_v<T, std::string>)
    return "a string";
  else
    return "an array of the right type";
}

template <class T>
bool fits(const Json& value) {
  if constexpr (std::is_same_v<T, bool>)
    return value.is_boolean();
  else if constexpr (std::is_integral_v<T>) {
    return value.is_number_integer() && (!value.is_number_unsigned() || value.get<uint64_t>() <= INT64_MAX);
  } else if constexpr (std::is_floating_point_v<T>)
    return value.is_number();
  else if constexpr (std::is_same_v<T, std::string>)
    return value.is_string();
  else {
    if (!value.is_array()) return false;
    for (const auto& element : value) {
      if (!fits<typename T::value_type>(element)) return false;
    }
    return true;
  }
}

}  // namespace json_detail

template <class T>
T json_get(const Json& object, const std::string& key, const std::string& where) {
  const auto found = object.find(key);
  if (found == object.end()) {
    fail_input(where, ": key \"", key, "\": expected ", json_detail::type_text<T>(), ", found no such key");
  }
  if (!json_detail::fits<T>(*found)) {
    fail_input(where, ": key \"", key, "\": expected ", json_detail::type_text<T>(), ", found ",
               found->dump().substr(0, 80));
  }
  return found->get<T>();
}

template <class T>
T json_get(const Json& object, const std::string& key, const T& otherwise, const std::string& where) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return otherwise;
  return json_get<T>(object, key, where);
}

}  // namespace zebra
