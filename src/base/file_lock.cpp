#include "base/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/log.h"

namespace zebra {

FileLock::FileLock(const fs::path& path, const std::string& what, double seconds)
    // Without O_CLOEXEC: a process that we start keeps the lock when we are killed before it.
    : file_(::open(path.c_str(), O_RDWR | O_CREAT, 0644)) {
  if (file_ < 0) fail(ErrorKind::disk, path.string(), ": cannot be opened: ", std::strerror(errno));
  constexpr int kTriesPerSecond = 20;
  const int tries = static_cast<int>(seconds * kTriesPerSecond);
  for (int i = 0; ::flock(file_, LOCK_EX | LOCK_NB) != 0; ++i) {
    if (i == 0 && tries > 0) log_line("waiting for another run of " + what + " to end");
    if (i < tries) {
      ::usleep(1000000 / kTriesPerSecond);
      continue;
    }
    ::close(file_);
    fail_usage(what, " is in use by another run: wait for its end, or choose another place");
  }
}

FileLock::~FileLock() {
  ::close(file_);
}

}  // namespace zebra
