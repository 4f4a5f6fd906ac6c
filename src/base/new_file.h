#pragma once
// Files and folders that appear whole or not at all: filled beside their place, under its name with "tmp-PID" or
// "building-PID" behind it, synced, then renamed. What a dead process left of the same one is removed first.
#include <string>

#include "base/file.h"
#include "base/signals.h"

namespace zebra {

// "dir/" means "dir", and "." or ".." the folder itself.
fs::path plain_path(const fs::path& path);

// A file, a piece at a time, then commit(). Without commit nothing remains. Error(disk) if it cannot be written.
class NewFile {
 public:
  explicit NewFile(const fs::path& target);
  ~NewFile();
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  void write(const void* data, size_t bytes);
  void commit();  // over a file that is there

 private:
  fs::path target_, building_;
  RemovedBySignal unfinished_;
  Descriptor file_;
};

// A folder: fill path(), then commit(). Without commit nothing remains.
class NewFolder {
 public:
  explicit NewFolder(const fs::path& target);
  ~NewFolder();
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;
  const fs::path& path() const { return building_; }
  // Takes the place of a folder that is there: at every moment one of the two is there, whole, and if it fails it is
  // the old one. Where a file system cannot exchange two names, a crash may leave the old one as "NAME.replaced-PID".
  void commit();

 private:
  fs::path target_, building_;
  RemovedBySignal unfinished_;
  Descriptor lock_;  // tells others that this process lives
};

// Puts "TARGET.replaced-PID" of a dead process back if `target` is missing, and says so; removes it if not.
void recover_replaced(const fs::path& target);

}  // namespace zebra
