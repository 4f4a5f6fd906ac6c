#include "cli/child.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "base/error.h"
#include "cli/field_options.h"

namespace zebra::cli {

namespace {

pid_t start_process(const std::vector<std::string>& arguments, int standard_output, int standard_error,
                    int64_t threads) {
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
  for (const auto& child : children_) {
    if (!passed_on_) kill(child.process, SIGTERM);
  }
  for (const auto& child : children_) {
    close(child.end);
    status_of(child);
  }
}

void Children::start(const std::string& name, const std::vector<std::string>& arguments, const fs::path& log,
                     int64_t threads) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) fail(ErrorKind::runtime, "could not make a pipe: ", std::strerror(errno));
  const int errors = open_log(log);
  const pid_t process = start_process(arguments, ends[1], errors, threads);
  close(ends[1]);
  if (errors >= 0) close(errors);
  children_.push_back({name, command_line(arguments), "", log, process, ends[0]});
}

Children::Finished Children::wait() {
  const auto child = read_until_one_ends();
  const Child ended = *child;
  children_.erase(child);
  close(ended.end);
  const int code = status_of(ended);
  if (guard_.received() != 0) fail_signal(guard_.received(), "the same command goes on from " + ended.command);
  if (code != 0) {
    fail(static_cast<ErrorKind>(code), "stopped at: ", ended.command,
         ended.log.empty() ? "" : cat("; why is at the end of ", ended.log.string()));
  }
  return {ended.name, ended.printed};
}

// A signal that we get goes on to all, as the other of the two: who stops a whole service signals the children, too,
// and a second signal of one kind would end them before they have saved (base/signals.h).
std::list<Children::Child>::iterator Children::read_until_one_ends() {
  for (;;) {
    if (guard_.received() != 0 && !passed_on_) {
      for (const auto& child : children_) kill(child.process, guard_.received() == SIGINT ? SIGTERM : SIGINT);
      passed_on_ = true;
    }
    std::vector<pollfd> ready;
    for (const auto& child : children_) ready.push_back({.fd = child.end, .events = POLLIN, .revents = 0});
    if (poll(ready.data(), ready.size(), 100) <= 0) continue;
    auto child = children_.begin();
    for (const auto& end : ready) {
      if (end.revents != 0 && !read_some(end.fd, child->printed)) return child;
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

std::string command_line(const std::vector<std::string>& arguments) {
  std::string out = "zebra";
  for (const auto& argument : arguments) out += " " + shell_word(argument);
  return out;
}

std::string run_verb(const std::vector<std::string>& arguments) {
  Children children;
  children.start("", arguments);
  return children.wait().printed;
}

}  // namespace zebra::cli
