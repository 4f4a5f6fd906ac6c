#pragma once
// The records of a zip archive (with the 64-bit extensions) that are stored as they are, not compressed. Every number
// is checked against the file before it is used; nothing is unpacked.
#include <map>
#include <string>
#include <string_view>

#include "base/file.h"

namespace zebra {

class ZipFile {
 public:
  explicit ZipFile(const fs::path& path);
  static bool is_zip(const MappedFile& file);

  const MappedFile& file() const { return file_; }
  // Name -> bytes, which live as long as this object.
  const std::map<std::string_view, std::string_view>& records() const { return records_; }

 private:
  MappedFile file_;
  std::map<std::string_view, std::string_view> records_;
};

}  // namespace zebra
