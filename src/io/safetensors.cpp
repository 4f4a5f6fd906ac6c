#include "io/safetensors.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "io/crc32c.h"
#include "io/json_builder.h"
#include "io/name_list.h"

namespace zebra {

namespace {

constexpr size_t kLengthBytes = 8;

// A name from a file, quoted and cut so that it cannot flood or garble a terminal.
std::string quoted(const std::string& name) {
  return Json(name.substr(0, 160)).dump(-1, ' ', true, Json::error_handler_t::replace);
}

constexpr size_t kEntryBytes = size_t{1} << 18;  // memory for what one entry says

void read_entry(const std::string& file, const std::string& name, const Json& entry, size_t data_bytes,
                TensorTable& tensors) {
  const std::string where = file + ": tensor " + quoted(name);
  if (!entry.is_object())
    fail_input(where, ": expected an object with dtype, shape and data_offsets, found ", entry.dump().substr(0, 80));
  const auto dtype_text = json_get<std::string>(entry, "dtype", where);
  const auto dtype = dtype_from_name(dtype_text);
  if (!dtype) fail_input(where, ": expected dtype ", dtype_names(), ", found ", quoted(dtype_text));
  const auto shape = json_get<std::vector<int64_t>>(entry, "shape", where);
  if (shape.size() > 64) fail_input(where, ": expected at most 64 dimensions, found ", shape.size());
  const auto bytes = tensor_bytes(*dtype, shape);
  if (!bytes) fail_input(where, ": expected a shape whose size fits into 63 bits, found ", shape_text(shape));

  const auto offsets = json_get<std::vector<int64_t>>(entry, "data_offsets", where);
  if (offsets.size() != 2 || offsets[0] < 0 || offsets[0] > offsets[1]) {
    fail_input(where, ": expected data_offsets [begin, end], found ", shape_text(offsets));
  }
  const auto begin = static_cast<size_t>(offsets[0]), end = static_cast<size_t>(offsets[1]);
  if (end > data_bytes) {
    fail_input(where, ": expected data_offsets within the file's ", data_bytes, " bytes of data, found ",
               shape_text(offsets), "; the file is truncated or damaged: fetch it again");
  }
  if (end - begin != *bytes) {
    fail_input(where, ": expected ", *bytes, " bytes for ", dtype_text, " ", shape_text(shape), ", found ",
               end - begin);
  }
  tensors.add(name, *dtype, shape, begin);
}

// __metadata__: strings under distinct keys, which nothing asks for.
class MetadataReader : public JsonEvents {
 public:
  MetadataReader(std::string where, size_t header_bytes) : where_(std::move(where)) { keys_.reserve(header_bytes, 6); }
  void begin(bool object) override {
    if (depth_++ > 0 || !object) fail_input(where_, ": expected an object of strings, found another type");
  }
  void key(std::string& name) override { keys_.add(name); }
  void scalar(Json& value) override {
    if (depth_ == 0) fail_input(where_, ": expected an object of strings, found another type");
    if (!value.is_string()) {
      fail_input(where_, ": key ", quoted(std::string(keys_[keys_.size() - 1])), ": expected a string, found ",
                 value.dump().substr(0, 80));
    }
  }
  void end() override {
    --depth_;
    if (const auto twice = keys_.twice()) {
      fail_input(where_, ": expected every key once, found ", quoted(std::string(*twice)), " twice");
    }
  }

 private:
  std::string where_;
  NameList keys_;
  size_t depth_ = 0;
};

// The header's members, one after the other.
class HeaderReader : public JsonEvents {
 public:
  HeaderReader(std::string file, size_t header_bytes, size_t data_bytes, TensorTable& tensors)
      : file_(std::move(file)),
        data_bytes_(data_bytes),
        tensors_(tensors),
        metadata_(file_ + ": __metadata__", header_bytes),
        entry_(file_, kEntryBytes) {}

  void begin(bool object) override {
    if (depth_++ > 0) current_->begin(object);
  }
  void key(std::string& name) override {
    if (depth_ > 1) return current_->key(name);
    name_ = name;
    const bool metadata = name == "__metadata__";
    if (metadata && std::exchange(has_metadata_, true)) {
      fail_input(file_, ": expected every key once, found \"__metadata__\" twice in one object");
    }
    current_ = metadata ? static_cast<JsonEvents*>(&metadata_) : &entry_;
  }
  void scalar(Json& value) override {
    current_->scalar(value);
    finish();
  }
  void end() override {
    if (--depth_ == 0) return;
    current_->end();
    finish();
  }

 private:
  void finish() {
    if (depth_ == 1 && current_ == &entry_) read_entry(file_, name_, entry_.take(), data_bytes_, tensors_);
  }

  std::string file_, name_;
  size_t data_bytes_;
  TensorTable& tensors_;
  MetadataReader metadata_;
  JsonBuilder entry_;
  JsonEvents* current_ = nullptr;
  size_t depth_ = 0;
  bool has_metadata_ = false;
};

// The data section must be covered exactly once.
void check_cover(const std::string& file, const TensorTable& tensors, size_t data_bytes) {
  size_t covered = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const auto [begin, bytes] = tensors.place(i);
    if (begin != covered) {
      fail_input(file, ": tensor ", quoted(std::string(tensors.name(i))), ": expected data to begin at byte ", covered,
                 ", found ", begin, begin < covered ? " (it overlaps another tensor)" : " (a hole before it)");
    }
    covered = begin + bytes;
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
  if (length > kLongJson || length > available) {
    fail_input(file, ": expected a header of at most ", std::min(kLongJson, available), " bytes, found a length of ",
               length, "; the file is truncated or not in safetensors format");
  }
  const size_t header_bytes = static_cast<size_t>(length);
  const size_t data_bytes = available - header_bytes;
  const auto* text = reinterpret_cast<const char*>(file_.data() + kLengthBytes);
  if (header_bytes == 0 || text[0] != '{') {
    fail_input(file, ": expected a JSON object as header, found something else; is this a safetensors file?");
  }
  tensors_.reserve(header_bytes);
  HeaderReader reader(file, header_bytes, data_bytes, tensors_);
  parse_events({text, header_bytes}, file + ": header", reader, 8);
  tensors_.sort_by_place();
  check_cover(file, tensors_, data_bytes);
  tensors_.sort_by_name(file_.data() + kLengthBytes + header_bytes);
  if (const auto twice = tensors_.twice()) {
    fail_input(file, ": expected every key once, found ", quoted(std::string(*twice)), " twice in one object");
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
    append_member(
        header, entry.name,
        {{"dtype", dtype_name(entry.dtype)}, {"shape", entry.shape}, {"data_offsets", {offset, offset + *bytes}}});
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
