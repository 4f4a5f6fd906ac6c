#pragma once
// Templates in the subset of Jinja that chat templates are written in, rendered as transformers sets jinja2 up
// (trim_blocks, lstrip_blocks, loop controls, nothing escaped, values immutable). A template is code in a data file:
// there is no way from it to anything but the variables it is given, and its steps, depth and output are limited.
#include <cstdint>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>

#include "io/json.h"

namespace zebra::jinja {

struct Limits {
  int64_t steps = 1000000;            // expressions and statements evaluated
  int64_t bytes = int64_t{64} << 20;  // of all texts and lists made on the way
  int64_t output = int64_t{4} << 20;  // bytes of the result
  int depth = 64;                     // of nesting, in the source and of calls
  std::time_t now = 0;                // what strftime_now() shows, in UTC; 0 = the local time of the call
};

struct Syntax;

class Template {
 public:
  // Error(input), beginning with `where` and the line, for what is not Jinja or not in the subset.
  static Template parse(std::string_view source, const std::string& where);
  Template(Template&&) noexcept;
  Template& operator=(Template&&) noexcept;
  ~Template();

  // Error(input) for what jinja2 raises, what the template itself raises and what the limits forbid.
  std::string render(const Json& variables, const Limits& limits = {}) const;

 private:
  explicit Template(std::unique_ptr<Syntax> syntax);
  std::unique_ptr<Syntax> syntax_;
};

}  // namespace zebra::jinja
