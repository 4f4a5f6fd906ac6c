#pragma once
// The safetensors file format: u64 header length, JSON header, data. Everything is checked before it is used: header
// size, duplicate keys, dtype, shape overflow, offsets that overlap, leave holes or pass the end.
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/new_file.h"
#include "io/tensor_table.h"

namespace zebra {

class SafetensorsFile {
 public:
  explicit SafetensorsFile(const fs::path& path);
  const TensorTable& tensors() const { return tensors_; }  // views live as long as this object
  std::string_view content() const;                        // all bytes of the file, header included

 private:
  MappedFile file_;
  TensorTable tensors_;
};

// Writes one file tensor by tensor, in the order of `plan`: declare every tensor, then append the bytes of each in
// turn. The file appears under its name only in finish().
class SafetensorsWriter {
 public:
  struct Entry {
    std::string name;
    Dtype dtype;
    std::vector<int64_t> shape;
  };
  SafetensorsWriter(fs::path path, std::vector<Entry> plan);
  ~SafetensorsWriter();
  SafetensorsWriter(const SafetensorsWriter&) = delete;
  SafetensorsWriter& operator=(const SafetensorsWriter&) = delete;
  void append(const std::string& name, const void* data, size_t bytes);  // in plan order, whole tensors
  void finish();
  // Of what was written so far: after finish() the file's size and the CRC-32C of its bytes.
  size_t bytes() const { return bytes_; }
  uint32_t checksum() const { return checksum_; }

 private:
  fs::path path_;
  std::vector<Entry> plan_;
  size_t next_ = 0;
  size_t bytes_ = 0;
  uint32_t checksum_ = 0;
  std::optional<NewFile> file_;
  void write(const void* data, size_t bytes);
};

}  // namespace zebra
