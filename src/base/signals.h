#pragma once
// SIGINT, SIGTERM and SIGHUP (its terminal is gone): as a flag that long work asks between steps, so that it can save
// and stop; and, where nobody asks, as an end of the program that leaves nothing half made. A SIGHUP that is ignored
// when the program starts, as nohup has it, stays so.
#include <signal.h>

#include <array>
#include <filesystem>
#include <string>

namespace zebra {

inline constexpr std::array<int, 3> kEndingSignals = {SIGINT, SIGTERM, SIGHUP};

// For main, once: from here on a signal ends the program with one sentence and the shell's exit code, 128 and its
// number, after everything that a RemovedBySignal names is gone. SIGPIPE and SIGXFSZ are ignored, so that what cannot
// be written is an error of that write.
void end_on_signals();

// While one lives the first signal of each kind only sets the flag; one that comes half a second later or more ends the
// program at once.
class SignalGuard {
 public:
  SignalGuard();
  ~SignalGuard();
  SignalGuard(const SignalGuard&) = delete;
  SignalGuard& operator=(const SignalGuard&) = delete;

  int received() const;  // one of kEndingSignals, or 0

 private:
  std::array<struct sigaction, kEndingSignals.size()> before_{};
};

// While one lives they wait.
class SignalsHeld {
 public:
  SignalsHeld();
  ~SignalsHeld();
  SignalsHeld(const SignalsHeld&) = delete;
  SignalsHeld& operator=(const SignalsHeld&) = delete;

 private:
  sigset_t before_;
};

// A file or folder that is worth nothing before it is finished: a signal that ends the program removes it, too. To be
// made and ended by the main thread only.
class RemovedBySignal {
 public:
  explicit RemovedBySignal(std::filesystem::path path);
  ~RemovedBySignal();
  RemovedBySignal(const RemovedBySignal&) = delete;
  RemovedBySignal& operator=(const RemovedBySignal&) = delete;

 private:
  friend void remove_unfinished();
  std::filesystem::path path_;
  RemovedBySignal *next_ = nullptr, *previous_ = nullptr;
};

// Throws the error that ends the program with the shell's exit code for `signal`.
[[noreturn]] void fail_signal(int signal, const std::string& advice);

}  // namespace zebra
