#include "base/child.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "base/command.h"
#include "base/error.h"

namespace zebra {

namespace {

// -1 and errno if there can be no other process.
pid_t start_process(const std::vector<std::string>& arguments, int standard_output, int standard_error,
                    int64_t threads) {
  std::vector<char*> argv = {const_cast<char*>("zebra")};
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  // Until the child has our handlers off, a signal that we pass on to it would only set its copy of our flag.
  sigset_t both, before;
  sigemptyset(&both);
  sigaddset(&both, SIGINT);
  sigaddset(&both, SIGTERM);
  sigprocmask(SIG_BLOCK, &both, &before);
  const pid_t parent = getpid(), child = fork();
  if (child != 0) {
    const int error = errno;
    sigprocmask(SIG_SETMASK, &before, nullptr);
    errno = error;
    return child;
  }
  // A child that outlives us would go on writing what the same command, given again, writes too: it stops (and saves)
  // when we die. It has a process group of its own, so that a Ctrl-C reaches it once: from us.
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  setpgid(0, 0);
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
  sigprocmask(SIG_SETMASK, &before, nullptr);
  if (threads > 0) setenv("OMP_NUM_THREADS", std::to_string(threads).c_str(), /*overwrite=*/0);
  const bool connected =
      dup2(standard_output, STDOUT_FILENO) >= 0 && (standard_error < 0 || dup2(standard_error, STDERR_FILENO) >= 0);
  if (getppid() == parent && connected) execv("/proc/self/exe", argv.data());
  _exit(static_cast<int>(ErrorKind::runtime));
}

int open_log(const fs::path& log) {
  if (log.empty()) return -1;
  const int file = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file < 0) fail(ErrorKind::disk, log.string(), ": cannot be written: ", std::strerror(errno));
  return file;
}

// Takes what is there; false at the end of the stream.
bool read_some(int end, std::string& out) {
  char buffer[4096];
  const ssize_t n = read(end, buffer, sizeof buffer);
  if (n > 0) out.append(buffer, static_cast<size_t>(n));
  return n > 0 || (n < 0 && errno == EINTR);
}

}  // namespace

Children::~Children() {
  stop();
  for (const auto& child : children_) {
    close(child.end);
    status_of(child);
  }
}

void Children::start(const std::string& name, const std::vector<std::string>& arguments, const fs::path& log,
                     int64_t threads) {
  const int errors = open_log(log);
  int ends[2] = {-1, -1};
  const bool piped = pipe2(ends, O_CLOEXEC) == 0;
  const pid_t process = piped ? start_process(arguments, ends[1], errors, threads) : -1;
  const int error = errno;
  if (errors >= 0) close(errors);
  if (piped) close(ends[1]);
  if (process < 0) {
    if (piped) close(ends[0]);
    fail(ErrorKind::runtime, "could not start zebra again: ", std::strerror(error));
  }
  children_.push_back({{name, command_line(arguments), "", log}, process, ends[0]});
}

Children::Finished Children::wait() {
  const auto child = read_until_one_ends();
  close(child->end);
  child->told.code = status_of(*child);
  const Finished told = child->told;
  children_.erase(child);
  return told;
}

void Children::stop() {
  signal_all(SIGTERM);
}

// Once: a second signal of one kind would end them before they have saved (base/signals.h).
void Children::signal_all(int signal) {
  if (signalled_) return;
  for (const auto& child : children_) kill(child.process, signal);
  signalled_ = true;
}

// A signal that we get goes on as the other of the two: who stops a whole service signals the children, too.
std::list<Children::Child>::iterator Children::read_until_one_ends() {
  for (;;) {
    if (received() != 0) signal_all(received() == SIGINT ? SIGTERM : SIGINT);
    std::vector<pollfd> ready;
    for (const auto& child : children_) ready.push_back({.fd = child.end, .events = POLLIN, .revents = 0});
    if (poll(ready.data(), ready.size(), 100) <= 0) continue;
    auto child = children_.begin();
    for (const auto& end : ready) {
      if (end.revents != 0 && !read_some(end.fd, child->told.printed)) return child;
      ++child;
    }
  }
}

int Children::status_of(const Child& child) {
  int status = 0;
  while (waitpid(child.process, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void fail_as(const Children::Finished& finished) {
  fail(static_cast<ErrorKind>(finished.code), "stopped at: ", finished.command,
       finished.log.empty() ? "" : cat("; why is at the end of ", finished.log.string()));
}

std::string run_verb(const std::vector<std::string>& arguments) {
  Children children;
  children.start("", arguments);
  const Children::Finished finished = children.wait();
  if (children.received() != 0)
    fail_signal(children.received(), "what is finished is saved; the same command goes on from there");
  if (finished.code != 0) fail_as(finished);
  return finished.printed;
}

}  // namespace zebra
