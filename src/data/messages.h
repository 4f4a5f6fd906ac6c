#pragma once
// Conversations, as the keys "messages", "prompt", "chosen" ... of JSONL files hold them.
#include <string>
#include <vector>

#include "io/json.h"

namespace zebra {

struct Message {
  std::string role, content;
  bool operator==(const Message&) const = default;
};
using Messages = std::vector<Message>;

// The list under `key` of a line; Error(input) names what is wrong with which message.
Messages parse_messages(const Json& object, const std::string& key, const std::string& where);

}  // namespace zebra
