#pragma once
// JSON by events, for files whose lists are too long to be kept as a document: safetensors headers, shard indices,
// vocabularies. NUL bytes, text behind the value, invalid UTF-8 and depth are refused here; a receiver sees to it that
// keys are distinct.
#include <string>
#include <string_view>

#include "io/json.h"

namespace zebra {

constexpr size_t kLongJson = 100'000'000;          // bytes of such a file at most
constexpr size_t kLongestToken = size_t{4} << 20;  // and of a string or number in it: the parser holds it twice

class JsonEvents {
 public:
  virtual ~JsonEvents() = default;
  virtual void begin(bool object) = 0;      // { or [
  virtual void key(std::string& name) = 0;  // may be taken over
  virtual void scalar(Json& value) = 0;     // null, boolean, number or string; may be taken over
  virtual void end() = 0;                   // } or ]
};

// `where` begins every error message.
void parse_events(std::string_view text, const std::string& where, JsonEvents& receiver, size_t max_depth = 64,
                  size_t longest_token = kLongestToken);

}  // namespace zebra
