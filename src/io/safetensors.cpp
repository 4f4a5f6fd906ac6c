#include "io/safetensors.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "io/crc32c.h"

namespace zebra {

namespace {

constexpr size_t kLengthBytes = 8;
constexpr size_t kHeaderLimit = 100'000'000;  // as the format's own library

// A name from a file, quoted and cut so that it cannot flood or garble a terminal.
std::string quoted(const std::string& name) {
  return Json(name.substr(0, 160)).dump(-1, ' ', true, Json::error_handler_t::replace);
}

struct Placed {
  std::string name;
  TensorView view;
  size_t begin = 0, end = 0;
};

Placed read_entry(const std::string& file, const std::string& name, const Json& entry, size_t data_bytes) {
  const std::string where = file + ": tensor " + quoted(name);
  if (!entry.is_object())
    fail_input(where, ": expected an object with dtype, shape and data_offsets, found ", entry.dump().substr(0, 80));
  Placed placed;
  placed.name = name;
  const auto dtype_text = json_get<std::string>(entry, "dtype", where);
  const auto dtype = dtype_from_name(dtype_text);
  if (!dtype) fail_input(where, ": expected dtype ", dtype_names(), ", found ", quoted(dtype_text));
  placed.view.dtype = *dtype;
  placed.view.shape = json_get<std::vector<int64_t>>(entry, "shape", where);
  if (placed.view.shape.size() > 64) {
    fail_input(where, ": expected at most 64 dimensions, found ", placed.view.shape.size());
  }
  const std::string shape = shape_text(placed.view.shape);
  const auto bytes = tensor_bytes(*dtype, placed.view.shape);
  if (!bytes) fail_input(where, ": expected a shape whose size fits into 63 bits, found ", shape);
  placed.view.bytes = *bytes;

  const auto offsets = json_get<std::vector<int64_t>>(entry, "data_offsets", where);
  if (offsets.size() != 2 || offsets[0] < 0 || offsets[0] > offsets[1]) {
    fail_input(where, ": expected data_offsets [begin, end], found ", shape_text(offsets));
  }
  placed.begin = static_cast<size_t>(offsets[0]);
  placed.end = static_cast<size_t>(offsets[1]);
  if (placed.end > data_bytes) {
    fail_input(where, ": expected data_offsets within the file's ", data_bytes, " bytes of data, found ",
               shape_text(offsets), "; the file is truncated or damaged: fetch it again");
  }
  if (placed.end - placed.begin != *bytes) {
    fail_input(where, ": expected ", *bytes, " bytes for ", dtype_text, " ", shape, ", found ",
               placed.end - placed.begin);
  }
  return placed;
}

std::map<std::string, std::string> read_metadata(const std::string& file, const Json& value) {
  std::map<std::string, std::string> metadata;
  if (!value.is_object()) fail_input(file, ": __metadata__: expected an object of strings, found another type");
  for (const auto& [key, text] : value.items()) {
    metadata[key] = json_get<std::string>(value, key, file + ": __metadata__");
  }
  return metadata;
}

// The data section must be covered exactly once.
void check_cover(const std::string& file, std::vector<Placed>& tensors, size_t data_bytes) {
  std::sort(tensors.begin(), tensors.end(),
            [](const Placed& a, const Placed& b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });
  size_t covered = 0;
  for (const auto& tensor : tensors) {
    if (tensor.begin != covered) {
      fail_input(file, ": tensor ", quoted(tensor.name), ": expected data to begin at byte ", covered, ", found ",
                 tensor.begin, tensor.begin < covered ? " (it overlaps another tensor)" : " (a hole before it)");
    }
    covered = tensor.end;
  }
  if (covered != data_bytes) {
    fail_input(file, ": expected tensors to cover all ", data_bytes, " bytes of data, found ", covered, " covered");
  }
}

}  // namespace

SafetensorsFile::SafetensorsFile(const fs::path& path) : file_(path) {
  const std::string file = path.string();
  if (file_.size() < kLengthBytes) {
    fail_input(file, ": expected a safetensors file of at least 8 bytes, found ", file_.size());
  }
  uint64_t length = 0;
  for (size_t i = 0; i < kLengthBytes; ++i) length |= uint64_t{file_.data()[i]} << (8 * i);
  const size_t available = file_.size() - kLengthBytes;
  if (length > kHeaderLimit || length > available) {
    fail_input(file, ": expected a header of at most ", std::min(kHeaderLimit, available), " bytes, found a length of ",
               length, "; the file is truncated or not in safetensors format");
  }
  const size_t header_bytes = static_cast<size_t>(length);
  const size_t data_bytes = available - header_bytes;
  const auto* text = reinterpret_cast<const char*>(file_.data() + kLengthBytes);
  if (header_bytes == 0 || text[0] != '{') {
    fail_input(file, ": expected a JSON object as header, found something else; is this a safetensors file?");
  }
  const Json header = parse_json({text, header_bytes}, file, 8);

  std::vector<Placed> placed;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") {
      metadata_ = read_metadata(file, entry);
    } else {
      placed.push_back(read_entry(file, name, entry, data_bytes));
    }
  }
  check_cover(file, placed, data_bytes);
  const unsigned char* data = file_.data() + kLengthBytes + header_bytes;
  for (auto& tensor : placed) {
    tensor.view.data = data + tensor.begin;
    tensors_.emplace(std::move(tensor.name), std::move(tensor.view));
  }
}

std::string_view SafetensorsFile::content() const {
  return {reinterpret_cast<const char*>(file_.data()), file_.size()};
}

SafetensorsWriter::SafetensorsWriter(fs::path path, std::vector<Entry> plan)
    : path_(std::move(path)), plan_(std::move(plan)) {
  Json header = {{"__metadata__", {{"format", "pt"}}}};
  std::set<std::string> names;
  size_t offset = 0;
  for (const auto& entry : plan_) {
    const auto bytes = tensor_bytes(entry.dtype, entry.shape);
    if (!bytes || !names.insert(entry.name).second) {
      fail(ErrorKind::runtime, path_.string(), ": tensor ", quoted(entry.name), ": ",
           bytes ? "planned twice" : "shape " + shape_text(entry.shape) + " is too large");
    }
    header[entry.name] = {
        {"dtype", dtype_name(entry.dtype)}, {"shape", entry.shape}, {"data_offsets", {offset, offset + *bytes}}};
    offset += *bytes;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');  // data begins on an 8-byte boundary
  unsigned char length[kLengthBytes];
  for (size_t i = 0; i < kLengthBytes; ++i) length[i] = static_cast<unsigned char>(uint64_t{text.size()} >> (8 * i));

  file_.emplace(path_);
  write(length, sizeof length);
  write(text.data(), text.size());
}

SafetensorsWriter::~SafetensorsWriter() = default;

void SafetensorsWriter::write(const void* data, size_t bytes) {
  file_->write(data, bytes);
  checksum_ = crc32c({static_cast<const char*>(data), bytes}, checksum_);
  bytes_ += bytes;
}

void SafetensorsWriter::append(const std::string& name, const void* data, size_t bytes) {
  if (next_ >= plan_.size() || plan_[next_].name != name) {
    fail(ErrorKind::runtime, path_.string(), ": tensor ", quoted(name), " is not the next one of the plan");
  }
  const size_t expected = *tensor_bytes(plan_[next_].dtype, plan_[next_].shape);
  if (bytes != expected) {
    fail(ErrorKind::runtime, path_.string(), ": tensor ", quoted(name), ": expected ", expected, " bytes, found ",
         bytes);
  }
  write(data, bytes);
  ++next_;
}

void SafetensorsWriter::finish() {
  if (next_ != plan_.size()) {
    fail(ErrorKind::runtime, path_.string(), ": tensor ", quoted(plan_[next_].name), " was planned and never written");
  }
  file_->commit();
}

}  // namespace zebra
