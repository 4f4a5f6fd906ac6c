#include "base/new_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/log.h"

namespace zebra {

namespace {

constexpr const char *kFile = "tmp", *kFolder = "building", *kReplaced = "replaced";
constexpr const char* kReplacedBefore = "old";  // what version 0.1 called it

fs::path beside(const fs::path& target, const char* kind) {
  fs::path out = plain_path(target);
  out += cat(".", kind, "-", ::getpid());
  return out;
}

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::symlink_status(path, ignored).type() > fs::file_type::not_found;
}

// The process in "NAME.KIND-PID", or 0 if that is another name.
pid_t process_of(const std::string& name, const std::string& begin) {
  constexpr size_t kDigits = 9;
  if (!name.starts_with(begin)) return 0;
  const std::string digits = name.substr(begin.size());
  const bool number = std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
  return number && !digits.empty() && digits.size() <= kDigits ? static_cast<pid_t>(std::stol(digits)) : 0;
}

// A process of our number is we, in other containers perhaps another; who lives has the lock in any case.
bool is_dead(pid_t process, const fs::path& left) {
  if (process != ::getpid() && (::kill(process, 0) == 0 || errno != ESRCH)) return false;
  const Descriptor file(::open(left.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  return !file.is_open() || ::flock(file.number(), LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
}

// "TARGET.KIND-PID" of processes that are no more, the newest first.
std::vector<fs::path> left_of_dead(const fs::path& target, const char* kind) {
  std::vector<std::pair<fs::file_time_type, fs::path>> found;
  const std::string begin = cat(target.filename().string(), ".", kind, "-");
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(target.has_parent_path() ? target.parent_path() : ".", error)) {
    const pid_t process = process_of(entry.path().filename().string(), begin);
    if (process == 0 || !is_dead(process, entry.path())) continue;
    found.emplace_back(fs::last_write_time(entry.path(), error), entry.path());
  }
  std::sort(found.rbegin(), found.rend());
  std::vector<fs::path> out;
  for (auto& [time, path] : found) out.push_back(std::move(path));
  return out;
}

void remove_left(const fs::path& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error) log_warning(path.string() + ", which nobody needs any more, cannot be removed: " + error.message());
}

void remove_all_left(const fs::path& target, const char* kind) {
  for (const auto& path : left_of_dead(target, kind)) remove_left(path);
}

Descriptor make_locked_file(const fs::path& path) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!file.is_open()) fail_disk(path, "creating");
  ::flock(file.number(), LOCK_EX | LOCK_NB);  // where there are no locks the number of the process must do
  return file;
}

Descriptor make_locked_folder(const fs::path& path) {
  std::error_code error;
  if (!fs::create_directories(path, error) || error) {
    fail(ErrorKind::disk, path.string(), ": cannot be created: ", error.message());
  }
  Descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.is_open()) ::flock(folder.number(), LOCK_EX | LOCK_NB);
  return folder;
}

void rename_path(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) fail_disk(to, "renaming into place");
}

// Both names are there, before and after.
void exchange(const fs::path& one, const fs::path& other) {
  if (::renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE) == 0) return;
  if (errno != ENOSYS && errno != EINVAL && errno != EOPNOTSUPP) fail_disk(other, "replacing");
  const fs::path aside = beside(other, kReplaced);
  rename_path(other, aside);
  if (::rename(one.c_str(), other.c_str()) != 0) {
    const int reason = errno;
    if (::rename(aside.c_str(), other.c_str()) != 0) {
      fail(ErrorKind::disk, other.string(), ": replacing failed, and what was there is now ", aside.string());
    }
    errno = reason;
    fail_disk(other, "replacing");
  }
  // The new one is in place. Where the old one cannot have its name it is removed under this one, now or by the next
  // run.
  if (::rename(aside.c_str(), one.c_str()) != 0) remove_left(aside);
}

}  // namespace

fs::path plain_path(const fs::path& path) {
  fs::path out = path;
  while (!out.has_filename() && out.has_relative_path()) out = out.parent_path();
  return out.filename() == "." || out.filename() == ".." ? fs::weakly_canonical(out) : out;
}

NewFile::NewFile(const fs::path& target)
    : target_(plain_path(target)), building_(beside(target, kFile)), unfinished_(building_) {
  remove_all_left(target_, kFile);
  file_ = make_locked_file(building_);
}

NewFile::~NewFile() {
  if (file_.is_open()) ::unlink(building_.c_str());
}

void NewFile::write(const void* data, size_t bytes) {
  constexpr size_t kMost = size_t{1} << 30;  // of one call
  const auto* at = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t put = ::write(file_.number(), at, std::min(bytes, kMost));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) fail_disk(target_, "writing");
    at += put;
    bytes -= static_cast<size_t>(put);
  }
}

void NewFile::commit() {
  if (::fsync(file_.number()) != 0) fail_disk(target_, "sync");
  const SignalsHeld held;
  rename_path(building_, target_);
  file_ = Descriptor();
  sync_parent(target_);
}

NewFolder::NewFolder(const fs::path& target)
    : target_(plain_path(target)), building_(beside(target, kFolder)), unfinished_(building_) {
  remove_all_left(target_, kFolder);
  lock_ = make_locked_folder(building_);
}

NewFolder::~NewFolder() {
  std::error_code ignored;
  fs::remove_all(building_, ignored);  // nothing is there after commit()
}

void NewFolder::commit() {
  for (const auto& entry : fs::recursive_directory_iterator(building_)) sync_file(entry.path());
  sync_file(building_);
  {
    const SignalsHeld held;
    const bool replaces = is_there(target_);
    replaces ? exchange(building_, target_) : rename_path(building_, target_);
    try {
      sync_parent(target_);
    } catch (...) {  // back to what was there: a command that fails changes nothing
      replaces ? exchange(building_, target_) : rename_path(target_, building_);
      throw;
    }
  }
  std::error_code error;
  fs::remove_all(building_, error);  // the old one
  if (error) log_warning(building_.string() + ", which was replaced, cannot be removed: " + error.message());
}

void recover_replaced(const fs::path& path) {
  const fs::path target = plain_path(path);
  for (const auto& left : left_of_dead(target, kReplaced)) {
    if (is_there(target)) {
      remove_left(left);
      continue;
    }
    rename_path(left, target);
    log_warning(target.string() + " was missing: a run was killed while it replaced it. The old one is back");
  }
  // Version 0.1 named it so commonly that it may be somebody's copy: it is one that a kill left only where the folder
  // that was to come is left, too.
  for (const auto& left : left_of_dead(target, kReplacedBefore)) {
    fs::path coming = target;
    coming += cat(".", kFolder, left.extension().string().substr(1 + std::strlen(kReplacedBefore)));
    if (is_there(target) || !is_there(coming)) continue;
    rename_path(left, target);
    log_warning(target.string() + " was missing: a run was killed while it replaced it. The old one is back");
  }
}

}  // namespace zebra
