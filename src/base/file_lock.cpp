#include "base/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/log.h"
#include "base/new_file.h"

namespace zebra {

namespace {

enum class Lock { held, busy, impossible };

Lock try_lock(const Descriptor& file, const std::string& what) {
  while (::flock(file.number(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno == EWOULDBLOCK) return Lock::busy;
    log_warning(what + ": the file system has no locks, so nothing keeps two runs apart there");
    return Lock::impossible;
  }
  return Lock::held;
}

[[noreturn]] void fail_in_use(const std::string& what) {
  fail_usage(what, " is in use by another run: wait for its end, or choose another place");
}

Descriptor open_lock(const fs::path& path, int flags) {
  Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | flags, 0644));
  if (!file.is_open()) fail(ErrorKind::disk, path.string(), ": cannot be opened: ", std::strerror(errno));
  return file;
}

// Whether the file that is open is still the one of that name.
bool is_at(const Descriptor& file, const fs::path& path) {
  struct stat ours, theirs;
  return ::fstat(file.number(), &ours) == 0 && ::lstat(path.c_str(), &theirs) == 0 && ours.st_ino == theirs.st_ino &&
         ours.st_dev == theirs.st_dev;
}

fs::path lock_of(const fs::path& output) {
  fs::path out = plain_path(output);
  out += ".zebra-lock";
  return out;
}

}  // namespace

FileLock::FileLock(const fs::path& path, const std::string& what, double seconds)
    // Without O_CLOEXEC: a process that we start keeps the lock when we are killed before it.
    : file_(open_lock(path, 0)) {
  constexpr int kTriesPerSecond = 20;
  const int tries = static_cast<int>(seconds * kTriesPerSecond);
  for (int i = 0; try_lock(file_, what) == Lock::busy; ++i) {
    if (i >= tries) fail_in_use(what);
    if (i == 0) log_line("waiting for another run of " + what + " to end");
    ::usleep(1000000 / kTriesPerSecond);
  }
}

WriterLock::WriterLock(const fs::path& output) : path_(lock_of(output)) {
  const SignalsHeld held;
  // A holder removes the file before it lets go, so that what was opened meanwhile is nobody's any more.
  do {
    file_ = open_lock(path_, O_CLOEXEC);
    if (try_lock(file_, output.string()) == Lock::busy) fail_in_use(output.string());
  } while (!is_at(file_, path_));
  unlocked_.emplace(path_);
}

WriterLock::~WriterLock() {
  ::unlink(path_.c_str());
}

}  // namespace zebra
