#pragma once
// The numbers of a configuration, held to what can be computed with and named by the keys that config files use.
#include <cstdint>
#include <string>

#include "base/error.h"
#include "layers/limits.h"

namespace zebra {

// Errors (input) begin with `where`.
class ConfigChecks {
 public:
  explicit ConfigChecks(std::string where) : where_(std::move(where)) {}
  const std::string& where() const { return where_; }

  void range(const char* key, int64_t value, int64_t low, int64_t high = kMaxWidth) const {
    if (value < low || value > high) {
      fail_input(where_, ": ", key, ": expected an integer from ", low, " to ", high, ", found ", value);
    }
  }
  void multiple(const char* key, int64_t value, const char* of, int64_t divisor) const {
    if (value % divisor != 0) {
      fail_input(where_, ": ", key, ": expected a multiple of ", of, " = ", divisor, ", found ", value);
    }
  }
  void equal(const char* key, int64_t value, const char* other, int64_t expected) const {
    if (value != expected) {
      fail_input(where_, ": ", key, ": expected ", expected, " as in ", other, ", found ", value);
    }
  }

 private:
  std::string where_;
};

}  // namespace zebra
