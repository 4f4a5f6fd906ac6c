#include "base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace zebra {

namespace {

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

[[noreturn]] void fail_disk(const fs::path& path, const char* doing) {
  fail(ErrorKind::disk, path.string(), ": ", doing, " failed: ", std::strerror(errno));
}

Descriptor open_input(const fs::path& path, struct stat& info) {
  Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0) fail_input(path.string(), ": cannot be opened: ", std::strerror(errno));
  if (::fstat(file.fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    fail_input(path.string(), ": expected a regular file; check the path");
  }
  return Descriptor{std::exchange(file.fd, -1)};
}

fs::path beside(const fs::path& path, const char* suffix) {
  fs::path out = path;
  if (!out.has_filename()) out = out.parent_path();  // "dir/" means "dir"
  out += cat(".", suffix, "-", ::getpid());
  return out;
}

void check_free(const fs::path& target, bool overwrite) {
  if (overwrite || !fs::exists(target)) return;
  fail_usage(target.string(), " exists already: pass --overwrite to replace it, or choose another --out");
}

// After a rename: the name itself is on the disk.
void sync_parent(const fs::path& path) {
  sync_file(path.has_parent_path() ? path.parent_path() : fs::path("."));
}

}  // namespace

std::string read_file(const fs::path& path, size_t limit) {
  struct stat info;
  const Descriptor file = open_input(path, info);
  const size_t size = static_cast<size_t>(info.st_size);
  if (size > limit) fail_input(path.string(), ": expected at most ", limit, " bytes, found ", size);
  std::string content(size, '\0');
  size_t done = 0;
  while (done < size) {
    const ssize_t got = ::read(file.fd, content.data() + done, size - done);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) fail_input(path.string(), ": ended after ", done, " of ", size, " bytes");
    done += static_cast<size_t>(got);
  }
  return content;
}

void sync_file(const fs::path& path) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0 || ::fsync(file.fd) != 0) fail_disk(path, "sync");
}

void write_file(const fs::path& path, std::string_view content) {
  const fs::path temporary = beside(path, "tmp");
  {
    const Descriptor file{::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)};
    if (file.fd < 0) fail_disk(temporary, "creating");
    size_t done = 0;
    while (done < content.size()) {
      const ssize_t put = ::write(file.fd, content.data() + done, content.size() - done);
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) {
        const int reason = errno;
        ::unlink(temporary.c_str());
        errno = reason;
        fail_disk(path, "writing");
      }
      done += static_cast<size_t>(put);
    }
    if (::fsync(file.fd) != 0) fail_disk(temporary, "sync");
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) fail_disk(path, "renaming into place");
  sync_parent(path);
}

MappedFile::MappedFile(const fs::path& path) : path_(path) {
  struct stat info;
  const Descriptor file = open_input(path, info);
  size_ = static_cast<size_t>(info.st_size);
  if (size_ == 0) return;
  void* mapped = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.fd, 0);
  if (mapped == MAP_FAILED) fail_input(path.string(), ": cannot be mapped: ", std::strerror(errno));
  data_ = static_cast<const unsigned char*>(mapped);
}

MappedFile::~MappedFile() {
  if (data_) ::munmap(const_cast<unsigned char*>(data_), size_);
}

OutputFile::OutputFile(fs::path target, bool overwrite)
    : target_(std::move(target)), building_(beside(target_, "building")) {
  check_free(target_, overwrite);
  stream_.open(building_, std::ios::binary);
  if (!stream_) fail_disk(building_, "creating");
}

OutputFile::~OutputFile() {
  std::error_code ignored;
  fs::remove(building_, ignored);  // nothing is there after commit()
}

void OutputFile::commit() {
  stream_.close();
  if (!stream_) fail(ErrorKind::disk, target_.string(), ": writing failed; check the folder and the free space");
  sync_file(building_);
  fs::rename(building_, target_);
  sync_parent(target_);
}

OutputFolder::OutputFolder(fs::path target, bool overwrite)
    : target_(std::move(target)), building_(beside(target_, "building")), overwrite_(overwrite) {
  if (!target_.has_filename()) target_ = target_.parent_path();
  check_free(target_, overwrite_);
  std::error_code error;
  fs::remove_all(building_, error);
  if (!fs::create_directories(building_, error) || error) {
    fail(ErrorKind::disk, building_.string(), ": cannot be created: ", error.message());
  }
}

OutputFolder::~OutputFolder() {
  if (committed_) return;
  std::error_code ignored;
  fs::remove_all(building_, ignored);
}

void OutputFolder::commit() {
  for (const auto& entry : fs::recursive_directory_iterator(building_)) sync_file(entry.path());
  sync_file(building_);
  const fs::path old = beside(target_, "old");
  std::error_code ignored;
  if (overwrite_ && fs::exists(target_)) fs::rename(target_, old);
  fs::rename(building_, target_);
  sync_parent(target_);
  fs::remove_all(old, ignored);
  committed_ = true;
}

}  // namespace zebra
