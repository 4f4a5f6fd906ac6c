#include "cli/child.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "cli/field_options.h"

namespace zebra::cli {

namespace {

pid_t start(const std::vector<std::string>& arguments, int standard_output) {
  std::vector<char*> argv = {const_cast<char*>("zebra")};
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, standard_output, STDOUT_FILENO);
  pid_t child = 0;
  const int failed = posix_spawn(&child, "/proc/self/exe", &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed) fail(ErrorKind::runtime, "could not start zebra again: ", std::strerror(failed));
  return child;
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
  const pid_t child = start(arguments, ends[1]);
  close(ends[1]);
  std::string out;
  char buffer[4096];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0 || (n < 0 && errno == EINTR);) {
    if (n > 0) out.append(buffer, static_cast<size_t>(n));
  }
  close(ends[0]);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  if (code != 0) fail(static_cast<ErrorKind>(code), "stopped at: ", command_line(arguments));
  return out;
}

}  // namespace zebra::cli
