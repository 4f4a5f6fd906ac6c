#pragma once
// A fresh folder for one test, removed at its end.
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>

namespace zebra {

struct ScratchFolder {
  std::filesystem::path path;

  ScratchFolder() {
    static std::atomic<int> count{0};
    path = std::filesystem::temp_directory_path() /
           ("zebra_test_" + std::to_string(::getpid()) + "_" + std::to_string(count++));
    std::filesystem::create_directories(path);
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  // A new file is much faster than rewriting one in place.
  void put(const std::string& name, const std::string& content) const {
    std::filesystem::remove(path / name);
    std::ofstream(path / name, std::ios::binary) << content;
  }
};

}  // namespace zebra
