#include "cli/child.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/error.h"
#include "base/signals.h"
#include "cli/field_options.h"

namespace zebra::cli {

namespace {

pid_t start(const std::vector<std::string>& arguments, int standard_output) {
  std::vector<char*> argv = {const_cast<char*>("zebra")};
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const pid_t parent = getpid(), child = fork();
  if (child < 0) fail(ErrorKind::runtime, "could not start zebra again: ", std::strerror(errno));
  if (child > 0) return child;
  // A child that outlives us would go on writing what the same command, given again, writes too: it stops (and saves)
  // when we die. It has a process group of its own, so that a Ctrl-C reaches it once: from us.
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  setpgid(0, 0);
  if (getppid() == parent && dup2(standard_output, STDOUT_FILENO) >= 0) execv("/proc/self/exe", argv.data());
  _exit(static_cast<int>(ErrorKind::runtime));
}

// Everything that the child writes; a signal that we get goes on to it. As the other of the two: who stops a whole
// service signals the child, too, and a second signal of one kind would end it before it has saved (base/signals.h).
std::string read_all(int end, pid_t child, const SignalGuard& guard) {
  bool passed_on = false;
  std::string out;
  char buffer[4096];
  for (;;) {
    if (guard.received() != 0 && !passed_on)
      passed_on = kill(child, guard.received() == SIGINT ? SIGTERM : SIGINT) == 0;
    pollfd ready{.fd = end, .events = POLLIN, .revents = 0};
    const int found = poll(&ready, 1, 100);
    if (found == 0 || (found < 0 && errno == EINTR)) continue;
    const ssize_t n = read(end, buffer, sizeof buffer);
    if (n == 0 || (n < 0 && errno != EINTR)) return out;
    if (n > 0) out.append(buffer, static_cast<size_t>(n));
  }
}

}  // namespace

std::string command_line(const std::vector<std::string>& arguments) {
  std::string out = "zebra";
  for (const auto& argument : arguments) out += " " + shell_word(argument);
  return out;
}

std::string run_verb(const std::vector<std::string>& arguments) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) fail(ErrorKind::runtime, "could not make a pipe: ", std::strerror(errno));
  const SignalGuard guard;
  const pid_t child = start(arguments, ends[1]);
  close(ends[1]);
  const std::string out = read_all(ends[0], child, guard);
  close(ends[0]);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (guard.received() != 0) {
    fail_signal(guard.received(), "the same command goes on from " + command_line(arguments));
  }
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  if (code != 0) fail(static_cast<ErrorKind>(code), "stopped at: ", command_line(arguments));
  return out;
}

}  // namespace zebra::cli
