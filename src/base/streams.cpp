#include "base/streams.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/error.h"

namespace zebra {

void open_standard_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(stream, F_GETFD) >= 0 || errno != EBADF) continue;
    // Of the free numbers open() takes the least: those below are open by now. Each can only do what its stream cannot.
    if (::open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY) != stream) {
      fail(ErrorKind::runtime,
           "a standard stream is closed, and the null device cannot stand for it: ", std::strerror(errno));
    }
  }
}

void finish_standard_output() {
  errno = 0;
  const bool failed = std::fflush(stdout) != 0 || std::ferror(stdout) != 0;
  if (failed) {
    fail(ErrorKind::disk, "standard output: writing failed", errno ? cat(": ", std::strerror(errno)) : "",
         "; what was printed is not complete");
  }
}

}  // namespace zebra
