#pragma once
// Errors that reach a person: one sentence that names the file, key or tensor, what was expected, what was found and
// what to do. The kind decides the program's exit code (docs/formats.md lists them).
#include <sstream>
#include <stdexcept>
#include <string>

namespace zebra {

enum class ErrorKind {
  runtime = 1,
  usage = 2,
  input = 3,
  memory = 4,
  disk = 5,
  hung_up = 129,
  interrupted = 130,
  terminated = 143
};

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const { return kind_; }
  int exit_code() const { return static_cast<int>(kind_); }

 private:
  ErrorKind kind_;
};

// Concatenates anything that streams: cat("layer ", 3, ": rank ", 16).
template <class... Parts>
std::string cat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

template <class... Parts>
[[noreturn]] void fail(ErrorKind kind, const Parts&... parts) {
  throw Error(kind, cat(parts...));
}
template <class... Parts>
[[noreturn]] void fail_input(const Parts&... parts) {
  fail(ErrorKind::input, parts...);
}
template <class... Parts>
[[noreturn]] void fail_usage(const Parts&... parts) {
  fail(ErrorKind::usage, parts...);
}

}  // namespace zebra
