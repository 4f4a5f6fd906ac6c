#include "base/signals.h"

#include <csignal>

#include "base/error.h"

namespace zebra {

namespace {

volatile std::sig_atomic_t signal_received = 0;

void note_signal(int signal) {
  signal_received = signal;
}

void install(int signal) {
  struct sigaction action {};
  action.sa_handler = note_signal;
  action.sa_flags = SA_RESETHAND;  // so that the second one is final
  ::sigemptyset(&action.sa_mask);
  ::sigaction(signal, &action, nullptr);
}

}  // namespace

SignalGuard::SignalGuard() {
  signal_received = 0;
  install(SIGINT);
  install(SIGTERM);
}

SignalGuard::~SignalGuard() {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}

int SignalGuard::received() const {
  return signal_received;
}

void fail_signal(int signal, const std::string& advice) {
  const bool interrupt = signal == SIGINT;
  fail(interrupt ? ErrorKind::interrupted : ErrorKind::terminated, "stopped by ", interrupt ? "SIGINT" : "SIGTERM",
       ": ", advice);
}

}  // namespace zebra
