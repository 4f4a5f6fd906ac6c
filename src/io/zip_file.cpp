#include "io/zip_file.h"

#include <algorithm>

#include "base/error.h"

namespace zebra {

namespace {

constexpr uint32_t kLocal = 0x04034b50, kCentral = 0x02014b50, kEnd = 0x06054b50;
constexpr uint32_t kEnd64 = 0x06064b50, kLocator64 = 0x07064b50;
constexpr size_t kLocalBytes = 30, kCentralBytes = 46, kEndBytes = 22, kEnd64Bytes = 56, kLocatorBytes = 20;
constexpr uint64_t kFull16 = 0xffff, kFull32 = 0xffffffff;  // the number stands in the 64-bit extension
constexpr size_t kMostRecords = size_t{1} << 20;

class Reader {
 public:
  Reader(const MappedFile& file, std::string where)
      : bytes_(reinterpret_cast<const char*>(file.data()), file.size()), where_(std::move(where)) {}

  size_t size() const { return bytes_.size(); }
  std::string_view text(uint64_t at, uint64_t length) const {
    if (at > bytes_.size() || length > bytes_.size() - at) damaged("a record that ends behind the file");
    return bytes_.substr(at, length);
  }
  uint64_t number(uint64_t at, size_t bytes) const {
    const std::string_view from = text(at, bytes);
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; ++i) value |= uint64_t{static_cast<unsigned char>(from[i])} << (8 * i);
    return value;
  }
  bool is(uint64_t at, uint32_t signature) const {
    return at <= bytes_.size() && bytes_.size() - at >= 4 && number(at, 4) == signature;
  }
  [[noreturn]] void damaged(const std::string& found) const {
    fail_input(where_, ": expected a whole zip archive, found ", found, "; the file is truncated or damaged");
  }
  const std::string& where() const { return where_; }

 private:
  std::string_view bytes_;
  std::string where_;
};

struct Directory {
  uint64_t begin = 0, bytes = 0, entries = 0, end = 0;  // `end`: nothing of the archive's records lies behind
};

Directory find_directory(const Reader& in) {
  if (in.size() < kEndBytes) in.damaged("no directory at its end");
  // A comment of up to 65535 bytes may follow.
  uint64_t at = in.size() - kEndBytes;
  const uint64_t last = at > kFull16 ? at - kFull16 : 0;
  while (!in.is(at, kEnd)) {
    if (at == last) in.damaged("no directory at its end");
    --at;
  }
  Directory found{in.number(at + 16, 4), in.number(at + 12, 4), in.number(at + 10, 2), at};
  if (at >= kLocatorBytes && in.is(at - kLocatorBytes, kLocator64)) {
    const uint64_t end64 = in.number(at - kLocatorBytes + 8, 8);
    if (end64 > at - kLocatorBytes || at - kLocatorBytes - end64 < kEnd64Bytes || !in.is(end64, kEnd64)) {
      in.damaged("a 64-bit directory that is not where it should be");
    }
    found = {in.number(end64 + 48, 8), in.number(end64 + 40, 8), in.number(end64 + 32, 8), end64};
  }
  if (found.begin > found.end || found.bytes > found.end - found.begin) in.damaged("a directory that is not in it");
  if (found.entries > kMostRecords || found.entries > found.bytes / kCentralBytes) {
    in.damaged(cat("a directory of ", found.bytes, " bytes for ", found.entries, " records"));
  }
  return found;
}

struct Entry {
  std::string_view name;
  uint64_t flags, method, packed, unpacked, local;
};

// The numbers that did not fit into 32 bits stand one after the other in the extra field of kind 1.
void read_extra(const Reader& in, uint64_t at, uint64_t bytes, Entry& entry) {
  const uint64_t end = at + bytes;
  while (end - at >= 4) {
    const uint64_t kind = in.number(at, 2), size = in.number(at + 2, 2);
    at += 4;
    if (size > end - at) in.damaged("an extra field that is longer than its place");
    if (kind == 1) {
      const uint64_t field_end = at + size;
      uint64_t next = at;
      for (uint64_t* value : {&entry.unpacked, &entry.packed, &entry.local}) {
        if (*value != kFull32) continue;
        if (field_end - next < 8) in.damaged("an extra field without the size that it should hold");
        *value = in.number(next, 8);
        next += 8;
      }
      return;
    }
    at += size;
  }
}

std::string_view data_of(const Reader& in, const Entry& entry, uint64_t directory) {
  const std::string name = cat("record \"", entry.name.substr(0, 160), "\"");
  if (entry.flags & 1) fail_input(in.where(), ": ", name, ": expected no encryption, found an encrypted record");
  if (entry.method != 0 || entry.packed != entry.unpacked) {
    fail_input(in.where(), ": ", name, ": expected a record that is stored as it is, as torch.save does, found a ",
               "compressed one; save the weights again with torch.save or as safetensors");
  }
  if (!in.is(entry.local, kLocal)) in.damaged(name + " without its header");
  const uint64_t begin = entry.local + kLocalBytes + in.number(entry.local + 26, 2) + in.number(entry.local + 28, 2);
  if (begin > directory || entry.packed > directory - begin) in.damaged(name + " that ends behind the directory");
  return in.text(begin, entry.packed);
}

}  // namespace

bool ZipFile::is_zip(const MappedFile& file) {
  return file.size() >= 4 && std::string_view(reinterpret_cast<const char*>(file.data()), 4) == "PK\x03\x04";
}

ZipFile::ZipFile(const fs::path& path) : file_(path) {
  const Reader in(file_, path.string());
  const Directory directory = find_directory(in);
  const uint64_t end = directory.begin + directory.bytes;
  uint64_t at = directory.begin;
  for (uint64_t i = 0; i < directory.entries; ++i) {
    if (end - at < kCentralBytes || !in.is(at, kCentral)) in.damaged("a directory that ends too early");
    Entry entry{{},
                in.number(at + 8, 2),
                in.number(at + 10, 2),
                in.number(at + 20, 4),
                in.number(at + 24, 4),
                in.number(at + 42, 4)};
    const uint64_t name = in.number(at + 28, 2), extra = in.number(at + 30, 2), comment = in.number(at + 32, 2);
    at += kCentralBytes;
    if (name + extra + comment > end - at) in.damaged("a directory that ends too early");
    entry.name = in.text(at, name);
    read_extra(in, at + name, extra, entry);
    if (!records_.emplace(entry.name, data_of(in, entry, directory.begin)).second) {
      in.damaged(cat("two records \"", entry.name.substr(0, 160), "\""));
    }
    at += name + extra + comment;
  }
}

}  // namespace zebra
