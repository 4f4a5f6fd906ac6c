#include "base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/new_file.h"

namespace zebra {

namespace {

size_t size_of(const Descriptor& file, const fs::path& path) {
  struct stat info;
  if (::fstat(file.number(), &info) != 0) fail_input(path.string(), ": cannot be read: ", std::strerror(errno));
  return static_cast<size_t>(info.st_size);
}

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(number_, other.number_);
  return *this;
}

Descriptor::~Descriptor() {
  if (is_open()) ::close(number_);
}

Descriptor open_input(const fs::path& path) {
  // O_NONBLOCK, since to open a pipe would wait for its other end; of regular files it changes nothing.
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file.is_open()) {
    // A socket cannot be opened at all.
    if (errno == ENXIO) fail_input(path.string(), ": expected a regular file; check the path");
    fail_input(path.string(), ": cannot be opened: ", std::strerror(errno), "; check the path");
  }
  struct stat info;
  if (::fstat(file.number(), &info) != 0 || !S_ISREG(info.st_mode)) {
    fail_input(path.string(), ": expected a regular file; check the path");
  }
  return file;
}

void fail_disk(const fs::path& path, const char* doing) {
  const int reason = errno;
  fail(ErrorKind::disk, path.string(), ": ", doing, " failed: ", std::strerror(reason));
}

std::string read_file(const fs::path& path, size_t limit) {
  const Descriptor file = open_input(path);
  const size_t size = size_of(file, path);
  if (size > limit) fail_input(path.string(), ": expected at most ", limit, " bytes, found ", size);
  std::string content(size, '\0');
  size_t done = 0;
  while (done < size) {
    const ssize_t got = ::read(file.number(), content.data() + done, size - done);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) fail_input(path.string(), ": ended after ", done, " of ", size, " bytes");
    done += static_cast<size_t>(got);
  }
  return content;
}

void sync_file(const fs::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open() || ::fsync(file.number()) != 0) fail_disk(path, "sync");
}

void sync_parent(const fs::path& path) {
  sync_file(path.has_parent_path() ? path.parent_path() : fs::path("."));
}

void write_file(const fs::path& path, std::string_view content) {
  NewFile file(path);
  file.write(content.data(), content.size());
  file.commit();
}

MappedFile::MappedFile(const fs::path& path) : path_(path) {
  const Descriptor file = open_input(path);
  size_ = size_of(file, path);
  if (size_ == 0) return;
  void* mapped = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.number(), 0);
  if (mapped == MAP_FAILED) fail_input(path.string(), ": cannot be mapped: ", std::strerror(errno));
  data_ = static_cast<const unsigned char*>(mapped);
}

MappedFile::~MappedFile() {
  if (data_) ::munmap(const_cast<unsigned char*>(data_), size_);
}

}  // namespace zebra
