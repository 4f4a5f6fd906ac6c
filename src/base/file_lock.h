#pragma once
// Locks between processes. They end with the process that holds them, however it ends.
#include <optional>

#include "base/file.h"
#include "base/signals.h"

namespace zebra {

// One process, with those that it starts, at a time.
class FileLock {
 public:
  // Makes `path` and waits up to `seconds` for another holder to end; Error(usage) says that `what` is in use.
  FileLock(const fs::path& path, const std::string& what, double seconds = 60);

 private:
  Descriptor file_;
};

// The right to write one output, without waiting: Error(usage) at once if another process has it. The file
// "OUTPUT.zebra-lock" is there as long. On a file system without locks there is a warning instead.
class WriterLock {
 public:
  explicit WriterLock(const fs::path& output);
  ~WriterLock();
  WriterLock(const WriterLock&) = delete;
  WriterLock& operator=(const WriterLock&) = delete;

 private:
  fs::path path_;
  Descriptor file_;
  std::optional<RemovedBySignal> unlocked_;
};

}  // namespace zebra
