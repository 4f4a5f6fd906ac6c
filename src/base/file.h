#pragma once
// Files and folders that appear whole or not at all: written beside their place, synced, then renamed.
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace zebra {

namespace fs = std::filesystem;

// The whole file; Error(input) names the path if it is missing, unreadable or larger than `limit` bytes.
std::string read_file(const fs::path& path, size_t limit = size_t{1} << 30);
void write_file(const fs::path& path, std::string_view content);  // atomic
void sync_file(const fs::path& path);                             // fsync a file or folder

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

// An output file under construction, for what does not fit in memory: fill stream(), then commit(). Without commit
// nothing remains. Throws Error(usage) at once if `target` exists and `overwrite` is false.
class OutputFile {
 public:
  OutputFile(fs::path target, bool overwrite);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  std::ofstream& stream() { return stream_; }
  void commit();  // Error(disk) if anything could not be written

 private:
  fs::path target_, building_;
  std::ofstream stream_;
};

// An output folder under construction: fill path(), then commit(). Without commit nothing remains.
// Throws Error(usage) at once if `target` exists and `overwrite` is false.
class OutputFolder {
 public:
  OutputFolder(fs::path target, bool overwrite);
  ~OutputFolder();
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;
  const fs::path& path() const { return building_; }
  void commit();

 private:
  fs::path target_, building_;
  bool overwrite_, committed_ = false;
};

}  // namespace zebra
