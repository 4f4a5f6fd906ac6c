#pragma once
// SIGINT and SIGTERM as a flag that long work asks between steps, so that it can save and stop.

#include <string>

namespace zebra {

// While one lives the first signal of each kind only sets the flag; the second ends the program at once.
class SignalGuard {
 public:
  SignalGuard();
  ~SignalGuard();
  SignalGuard(const SignalGuard&) = delete;
  SignalGuard& operator=(const SignalGuard&) = delete;

  int received() const;  // SIGINT, SIGTERM or 0
};

// Throws the error that ends the program with the shell's exit code for `signal`: 130 or 143.
[[noreturn]] void fail_signal(int signal, const std::string& advice);

}  // namespace zebra
