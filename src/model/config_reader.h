#pragma once
// One JSON object of a config file, read with errors that name the file and the key.
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "io/json.h"
#include "layers/limits.h"

namespace zebra {

class ConfigReader {
 public:
  ConfigReader(const Json& object, std::string where);

  const std::string& where() const { return where_; }
  const Json& object() const { return object_; }
  bool has(const std::string& key) const;  // present and not null
  ConfigReader child(const std::string& key) const;

  int64_t integer(const std::string& key, int64_t low, int64_t high) const;
  int64_t integer(const std::string& key, int64_t otherwise, int64_t low, int64_t high) const;
  double number(const std::string& key, double otherwise) const;
  double positive(const std::string& key) const;
  double positive(const std::string& key, double otherwise) const;
  bool flag(const std::string& key, bool otherwise) const;
  std::string text(const std::string& key) const;
  std::string text(const std::string& key, const std::string& otherwise) const;
  // Where the key is given it must have the value that config.json gives.
  void agree(const std::string& key, int64_t expected) const;

  // Distinct layer numbers below `layers`, sorted; absent or null = none.
  std::vector<int64_t> layer_list(const std::string& key, int64_t layers) const;

  template <class... Parts>
  [[noreturn]] void fail(const std::string& key, const Parts&... parts) const {
    fail_input(where_, ": key \"", key, "\": ", parts...);
  }
  // The value as it stands in the file, cut short, for error messages.
  std::string found(const std::string& key) const;

 private:
  Json object_;
  std::string where_;
};

}  // namespace zebra
