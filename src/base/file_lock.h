#pragma once
// One process, with those that it starts, at a time: a lock that ends with the last of them, however they end.
#include "base/file.h"

namespace zebra {

class FileLock {
 public:
  // Makes `path` and waits up to `seconds` for another holder to end; Error(usage) says that `what` is in use.
  FileLock(const fs::path& path, const std::string& what, double seconds = 60);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  int file_;
};

}  // namespace zebra
