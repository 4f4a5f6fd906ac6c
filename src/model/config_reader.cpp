#include "model/config_reader.h"

#include <algorithm>
#include <set>

namespace zebra {

ConfigReader::ConfigReader(const Json& object, std::string where) : object_(object), where_(std::move(where)) {
  if (!object_.is_object()) {
    fail_input(where_, ": expected a JSON object, found ", object_.dump().substr(0, 80));
  }
}

bool ConfigReader::has(const std::string& key) const {
  const auto entry = object_.find(key);
  return entry != object_.end() && !entry->is_null();
}

ConfigReader ConfigReader::child(const std::string& key) const {
  return {object_.at(key), where_ + ": key \"" + key + "\""};
}

std::string ConfigReader::found(const std::string& key) const {
  return has(key) ? object_.at(key).dump(-1, ' ', true, Json::error_handler_t::replace).substr(0, 80) : "nothing";
}

int64_t ConfigReader::integer(const std::string& key, int64_t low, int64_t high) const {
  const auto value = json_get<int64_t>(object_, key, where_);
  if (value < low || value > high) fail(key, "expected an integer from ", low, " to ", high, ", found ", value);
  return value;
}

int64_t ConfigReader::integer(const std::string& key, int64_t otherwise, int64_t low, int64_t high) const {
  return has(key) ? integer(key, low, high) : otherwise;
}

double ConfigReader::number(const std::string& key, double otherwise) const {
  return json_get<double>(object_, key, otherwise, where_);
}

double ConfigReader::positive(const std::string& key) const {
  const auto value = json_get<double>(object_, key, where_);
  if (!(value > 0 && value < 1e30)) fail(key, "expected a positive number, found ", found(key));
  return value;
}

double ConfigReader::positive(const std::string& key, double otherwise) const {
  return has(key) ? positive(key) : otherwise;
}

bool ConfigReader::flag(const std::string& key, bool otherwise) const {
  return json_get<bool>(object_, key, otherwise, where_);
}

std::string ConfigReader::text(const std::string& key) const {
  return json_get<std::string>(object_, key, where_);
}

std::string ConfigReader::text(const std::string& key, const std::string& otherwise) const {
  return json_get<std::string>(object_, key, otherwise, where_);
}

void ConfigReader::agree(const std::string& key, int64_t expected) const {
  if (has(key) && integer(key, INT64_MIN, INT64_MAX) != expected) {
    fail(key, "expected ", expected, " as config.json says, found ", found(key));
  }
}

std::vector<int64_t> ConfigReader::layer_list(const std::string& key, int64_t layers) const {
  auto list = json_get<std::vector<int64_t>>(object_, key, {}, where_);
  std::sort(list.begin(), list.end());
  const bool distinct = std::adjacent_find(list.begin(), list.end()) == list.end();
  if (!distinct || (!list.empty() && (list.front() < 0 || list.back() >= layers))) {
    fail(key, "expected distinct layers from 0 to ", layers - 1, ", found ", found(key));
  }
  return list;
}

}  // namespace zebra
