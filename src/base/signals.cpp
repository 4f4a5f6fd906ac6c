#include "base/signals.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>

#include "base/error.h"

namespace zebra {

namespace {

constexpr int64_t kOneRequest = 500'000'000;  // nanoseconds

volatile std::sig_atomic_t signal_received = 0;
std::atomic<int64_t> first_at[NSIG];  // when each signal came first under a guard; 0 = it has not
static_assert(std::atomic<int64_t>::is_always_lock_free);
pthread_t main_thread;
RemovedBySignal* newest_unfinished = nullptr;

int64_t now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return int64_t{1'000'000'000} * time.tv_sec + time.tv_nsec;
}

// timeout and service managers signal a process and then its whole group: that is one request. A later one is final:
// the signal is raised again without a handler, and acts when this one returns.
void note_signal(int signal) {
  int64_t first = 0;
  const int64_t time = now();
  if (first_at[signal].compare_exchange_strong(first, time)) {
    signal_received = signal;
  } else if (time - first > kOneRequest) {
    std::signal(signal, SIG_DFL);
    std::raise(signal);
  }
}

void install(int signal, void (*handler)(int), int flags, struct sigaction* before) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  ::sigemptyset(&action.sa_mask);
  for (const int each : kEndingSignals) ::sigaddset(&action.sa_mask, each);
  ::sigaction(signal, nullptr, before);
  if (signal != SIGHUP || before->sa_handler != SIG_IGN) ::sigaction(signal, &action, nullptr);
}

const char* name_of(int signal) {
  return signal == SIGINT ? "SIGINT" : signal == SIGTERM ? "SIGTERM" : "SIGHUP";
}

// `name` in the folder `parent`, with all that is below. Of system calls alone, since a signal may come while memory is
// being taken.
void remove_below(int parent, const char* name, int depth = 0) {
  constexpr int kDeepest = 16, kPasses = 3;
  if (::unlinkat(parent, name, 0) == 0 || (errno != EISDIR && errno != EPERM) || depth > kDeepest) return;
  for (int pass = 0; pass < kPasses; ++pass) {
    const int folder = ::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0) return;
    alignas(dirent64) char entries[4096];
    for (ssize_t bytes; (bytes = ::getdents64(folder, entries, sizeof entries)) > 0;) {
      for (ssize_t at = 0; at < bytes;) {
        const auto* entry = reinterpret_cast<const dirent64*>(entries + at);
        at += entry->d_reclen;
        const bool itself = std::strcmp(entry->d_name, ".") == 0 || std::strcmp(entry->d_name, "..") == 0;
        if (!itself) remove_below(folder, entry->d_name, depth + 1);
      }
    }
    ::close(folder);
    if (::unlinkat(parent, name, AT_REMOVEDIR) == 0) return;
  }
}

void say(const char* text) {
  if (::write(STDERR_FILENO, text, std::strlen(text)) < 0) return;  // nobody to tell it to
}

}  // namespace

void remove_unfinished() {
  for (const RemovedBySignal* each = newest_unfinished; each; each = each->next_) {
    remove_below(AT_FDCWD, each->path_.c_str());
  }
}

namespace {

// In the main thread, which writes all files: none can be written any more.
void end_program(int signal) {
  if (!::pthread_equal(::pthread_self(), main_thread)) {
    ::pthread_kill(main_thread, signal);
    return;
  }
  remove_unfinished();
  if (::isatty(STDERR_FILENO)) say("\n");  // a bar may stand there
  say("zebra: stopped by ");
  say(name_of(signal));
  say(newest_unfinished ? ": what was not finished is removed\n" : "\n");
  ::_exit(128 + signal);
}

}  // namespace

void end_on_signals() {
  main_thread = ::pthread_self();
  for (const int each : kEndingSignals) {
    struct sigaction before {};
    install(each, end_program, 0, &before);
  }
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

SignalGuard::SignalGuard() {
  signal_received = 0;
  for (size_t i = 0; i < before_.size(); ++i) {
    first_at[kEndingSignals[i]] = 0;
    install(kEndingSignals[i], note_signal, 0, &before_[i]);
  }
}

SignalGuard::~SignalGuard() {
  for (size_t i = 0; i < before_.size(); ++i) ::sigaction(kEndingSignals[i], &before_[i], nullptr);
}

int SignalGuard::received() const {
  return signal_received;
}

SignalsHeld::SignalsHeld() {
  sigset_t ending;
  ::sigemptyset(&ending);
  for (const int each : kEndingSignals) ::sigaddset(&ending, each);
  ::pthread_sigmask(SIG_BLOCK, &ending, &before_);
}

SignalsHeld::~SignalsHeld() {
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

RemovedBySignal::RemovedBySignal(std::filesystem::path path) : path_(std::move(path)) {
  const SignalsHeld held;
  next_ = newest_unfinished;
  if (next_) next_->previous_ = this;
  newest_unfinished = this;
}

RemovedBySignal::~RemovedBySignal() {
  const SignalsHeld held;
  if (next_) next_->previous_ = previous_;
  (previous_ ? previous_->next_ : newest_unfinished) = next_;
}

void fail_signal(int signal, const std::string& advice) {
  fail(ErrorKind{128 + signal}, "stopped by ", name_of(signal), ": ", advice);
}

}  // namespace zebra
