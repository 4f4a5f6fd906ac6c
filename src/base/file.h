#pragma once
// Whole files: read, mapped, or written beside their place, synced and renamed. What is built piece by piece is in
// new_file.h, what a user names with --out in output.h.
#include <filesystem>
#include <string>
#include <string_view>

namespace zebra {

namespace fs = std::filesystem;

// A descriptor that is closed with its owner.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(other.number_) { other.number_ = -1; }
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor();
  int number() const { return number_; }
  bool is_open() const { return number_ >= 0; }

 private:
  int number_;
};

// A regular file for reading, without waiting: Error(input) names `path` if it is missing, unreadable or something
// else, as a folder, a pipe or a device.
Descriptor open_input(const fs::path& path);

// The whole file; Error(input) names the path if it is missing, unreadable or larger than `limit` bytes.
std::string read_file(const fs::path& path, size_t limit = size_t{1} << 30);
void write_file(const fs::path& path, std::string_view content);  // atomic
void sync_file(const fs::path& path);                             // fsync a file or folder; Error(disk)
void sync_parent(const fs::path& path);                           // after a rename: the name itself is on the disk

// Error(disk) that says what failed, and why by errno.
[[noreturn]] void fail_disk(const fs::path& path, const char* doing);

// A read-only mapping of a file's bytes.
class MappedFile {
 public:
  explicit MappedFile(const fs::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  const unsigned char* data() const { return data_; }
  size_t size() const { return size_; }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
  const unsigned char* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace zebra
