#pragma once
// A file's bytes chunk by chunk, unpacked on the way.
#include <memory>
#include <string_view>

#include "base/file.h"

namespace zebra {

class ByteSource {
 public:
  // By name: .gz through zlib, .zst through libzstd, anything else as it is.
  static std::unique_ptr<ByteSource> open(const fs::path& path);
  virtual ~ByteSource() = default;
  // The next bytes, valid until the next call; empty at the end. A damaged or cut file is Error(input).
  virtual std::string_view next() = 0;
};

}  // namespace zebra
