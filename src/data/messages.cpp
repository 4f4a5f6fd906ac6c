#include "data/messages.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace zebra {

namespace {

const std::vector<std::string> kRoles = {"system", "developer", "user", "assistant", "tool"};

}  // namespace

Messages parse_messages(const Json& object, const std::string& key, const std::string& where) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_array() || found->empty()) {
    fail_input(where, ": key \"", key, "\": expected a list of messages, found ",
               found == object.end() ? "no such key" : found->dump().substr(0, 80));
  }
  Messages messages;
  for (const Json& each : *found) {
    const std::string place = cat(where, ": ", key, "[", messages.size(), "]");
    if (!each.is_object()) {
      fail_input(place, ": expected {\"role\": .., \"content\": ..}, found ", each.dump().substr(0, 80));
    }
    Message message{json_get<std::string>(each, "role", place), json_get<std::string>(each, "content", place)};
    if (std::find(kRoles.begin(), kRoles.end(), message.role) == kRoles.end()) {
      fail_input(place, ": key \"role\": expected ", join(kRoles, ", "), ", found \"", message.role.substr(0, 80),
                 "\"");
    }
    messages.push_back(std::move(message));
  }
  return messages;
}

}  // namespace zebra
