#include "io/json_builder.h"

#include <algorithm>

#include "base/error.h"

namespace zebra {

namespace {

constexpr size_t kRestBudget = size_t{32} << 20;  // of what stands beside long lists

// A member lies in a vector that doubles, and its key, if long, outside of it.
constexpr size_t kValueBytes = 2 * sizeof(Json), kMemberBytes = 2 * sizeof(Json::object_t::value_type);

void check_distinct(const Json& object, const std::string& where) {
  std::vector<const std::string*> keys;
  keys.reserve(object.size());
  for (const auto& [key, value] : object.get_ref<const Json::object_t&>()) keys.push_back(&key);
  std::sort(keys.begin(), keys.end(), [](const auto* a, const auto* b) { return *a < *b; });
  const auto twice =
      std::adjacent_find(keys.begin(), keys.end(), [](const auto* a, const auto* b) { return *a == *b; });
  if (twice != keys.end()) {
    fail_input(where, ": expected every key once, found \"", (*twice)->substr(0, 120), "\" twice in one object");
  }
}

}  // namespace

Json& append_member(Json& object, std::string key, Json value) {
  Json::object_t::Container& members = object.get_ref<Json::object_t&>();
  return members.emplace_back(std::move(key), std::move(value)).second;
}

JsonBuilder::JsonBuilder(std::string where, size_t budget) : where_(std::move(where)), budget_(budget), left_(budget) {}

void JsonBuilder::begin(bool object) {
  put(object ? Json::object() : Json::array(), 64);
  open_.push_back(last_);
}

void JsonBuilder::key(std::string& name) {
  spend(kMemberBytes + name.size());
  key_ = std::move(name);
}

void JsonBuilder::scalar(Json& value) {
  const size_t text = value.is_string() ? value.get_ref<const std::string&>().size() : 0;
  put(std::move(value), text);
}

void JsonBuilder::end() {
  if (open_.back()->is_object()) check_distinct(*open_.back(), where_);
  open_.pop_back();
}

Json JsonBuilder::take() {
  any_ = false;
  left_ = budget_;
  return std::move(result_);
}

void JsonBuilder::put(Json value, size_t cost) {
  spend(cost + kValueBytes);
  any_ = true;
  if (open_.empty()) {
    result_ = std::move(value);
    last_ = &result_;
  } else if (open_.back()->is_array()) {
    last_ = &open_.back()->get_ref<Json::array_t&>().emplace_back(std::move(value));
  } else {
    last_ = &append_member(*open_.back(), std::move(key_), std::move(value));  // end() looks at the keys together
  }
}

void JsonBuilder::spend(size_t bytes) {
  if (bytes > left_) fail_input(where_, ": expected JSON that takes at most ", budget_, " bytes of memory, found more");
  left_ -= bytes;
}

JsonMembers::JsonMembers(std::string where, Route route)
    : where_(where), route_(std::move(route)), rest_(std::move(where), kRestBudget) {}

void JsonMembers::begin(bool object) {
  if (depth_ == 0 && !object) fail_input(where_, ": expected an object, found an array");
  ++depth_;
  (current_ ? *current_ : rest_).begin(object);
}

void JsonMembers::key(std::string& name) {
  if (depth_ > 1) return (current_ ? *current_ : rest_).key(name);
  current_ = route_(name);
  rest_.key(name);
  Json null;
  if (current_) rest_.scalar(null);  // so that the key counts as one of the object's
}

void JsonMembers::scalar(Json& value) {
  if (depth_ == 0) fail_input(where_, ": expected an object, found ", value.dump().substr(0, 80));
  (current_ ? *current_ : rest_).scalar(value);
}

void JsonMembers::end() {
  --depth_;
  if (depth_ == 0) current_ = nullptr;
  (current_ ? *current_ : rest_).end();
}

}  // namespace zebra
