#include "io/torch_file.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/text.h"
#include "io/pickle.h"

namespace zebra {

namespace {

struct TypeRow {
  std::string_view storage, dtype;  // as the pickle names a typed storage, or the dtype of an untyped one
  Dtype stored;
};

constexpr std::array<TypeRow, 10> kTypes{{{"DoubleStorage", "float64", Dtype::f64},
                                          {"FloatStorage", "float32", Dtype::f32},
                                          {"HalfStorage", "float16", Dtype::f16},
                                          {"BFloat16Storage", "bfloat16", Dtype::bf16},
                                          {"LongStorage", "int64", Dtype::i64},
                                          {"IntStorage", "int32", Dtype::i32},
                                          {"ShortStorage", "int16", Dtype::i16},
                                          {"CharStorage", "int8", Dtype::i8},
                                          {"ByteStorage", "uint8", Dtype::u8},
                                          {"BoolStorage", "bool", Dtype::boolean}}};

Dtype dtype_of(const PickledTensor& tensor, const std::string& where) {
  for (const auto& row : kTypes) {
    if (tensor.type == (tensor.untyped ? row.dtype : row.storage)) return row.stored;
  }
  fail_input(where, ": expected dtype ", dtype_names(), ", found ", tensor.type.substr(0, 80),
             ", which zebra does not read");
}

// Elements from the first to the last; nothing if it does not fit into 63 bits.
std::optional<int64_t> span_of(const PickledTensor& tensor) {
  int64_t span = 1;
  for (size_t i = 0; i < tensor.shape.size(); ++i) {
    if (tensor.shape[i] == 0) return 0;
    int64_t reach = 0;
    if (__builtin_mul_overflow(tensor.shape[i] - 1, tensor.strides[i], &reach)) return std::nullopt;
    if (__builtin_add_overflow(span, reach, &span)) return std::nullopt;
  }
  return span;
}

bool all_positive(const std::vector<int64_t>& numbers) {
  for (const int64_t number : numbers) {
    if (number < 0) return false;
  }
  return true;
}

StridedView view_of(PickledTensor&& tensor, std::string_view storage, size_t file_bytes, const std::string& where) {
  StridedView view;
  view.dtype = dtype_of(tensor, where);
  const auto element = static_cast<int64_t>(dtype_size(view.dtype));
  const auto held = static_cast<int64_t>(storage.size()) / element;
  const auto bytes = tensor_bytes(view.dtype, tensor.shape);
  if (!bytes) fail_input(where, ": expected a shape whose size fits into 63 bits, found ", shape_text(tensor.shape));
  if (tensor.strides.size() != tensor.shape.size() || !all_positive(tensor.strides) || tensor.offset < 0) {
    fail_input(where, ": expected an offset and one stride a dimension, found offset ", tensor.offset, ", strides ",
               shape_text(tensor.strides), " of shape ", shape_text(tensor.shape));
  }
  // A stride of 0 promises more elements than there are.
  if (*bytes > file_bytes) {
    fail_input(where, ": expected at most the file's ", file_bytes, " bytes, found ", *bytes, " for shape ",
               shape_text(tensor.shape));
  }
  const int64_t stated = tensor.untyped ? tensor.storage_size / element : tensor.storage_size;
  if (tensor.storage_size < 0 || stated > held) {
    fail_input(where, ": expected a storage of ", stated, " elements, found a record of ", storage.size(), " bytes");
  }
  const auto span = span_of(tensor);
  if (!span || tensor.offset > stated || *span > stated - tensor.offset) {
    fail_input(where, ": expected a view within its storage of ", stated, " elements, found shape ",
               shape_text(tensor.shape), " with strides ", shape_text(tensor.strides), " from ", tensor.offset);
  }
  view.span = static_cast<size_t>(*span);
  view.data = reinterpret_cast<const unsigned char*>(storage.data()) + tensor.offset * element;
  view.shape = std::move(tensor.shape);
  view.strides = std::move(tensor.strides);
  return view;
}

// Formats before zip: a pickle of torch's magic number, and, still older, a tar archive.
fs::path checked(const fs::path& path) {
  const MappedFile file(path);
  if (ZipFile::is_zip(file)) return path;
  const std::string_view bytes(reinterpret_cast<const char*>(file.data()), file.size());
  const bool old =
      bytes.starts_with("\x80\x02\x8a\x0al\xfc\x9c\x46\xf9") || bytes.substr(0, 512).find("ustar") != bytes.npos;
  fail_input(path.string(), ": expected a zip-format PyTorch file, found ",
             old ? "the format of before PyTorch 1.6" : "another format",
             "; load it with torch.load and save it again with torch.save or as safetensors");
}

}  // namespace

TorchFile::TorchFile(const fs::path& path) : archive_(checked(path)) {
  const std::string file = path.string();
  const auto& records = archive_.records();
  // All records lie in one folder, whose name is the writer's choice.
  std::string folder;
  for (const auto& [name, bytes] : records) {
    if (!name.ends_with("/data.pkl") || std::count(name.begin(), name.end(), '/') != 1) continue;
    if (!folder.empty()) fail_input(file, ": expected one record data.pkl, found two");
    folder = name.substr(0, name.find('/') + 1);
  }
  if (folder.empty()) fail_input(file, ": expected a record data.pkl as torch.save writes it, found none");
  const auto order = records.find(folder + "byteorder");
  if (order != records.end() && order->second != "little") {
    fail_input(file, ": record byteorder: expected little, found ",
               order->second.substr(0, 10) == "big" ? "big" : "another");
  }
  for (PickledTensor& tensor : read_state_dict(records.at(folder + "data.pkl"), file + ": data.pkl")) {
    const std::string where = cat(file, ": tensor \"", tensor.name.substr(0, 160), "\"");
    const auto record = records.find(folder + "data/" + tensor.storage);
    if (record == records.end()) {
      fail_input(where, ": expected its storage as record data/", tensor.storage.substr(0, 40),
                 ", found no such record");
    }
    std::string name = tensor.name;
    StridedView view = view_of(std::move(tensor), record->second, archive_.file().size(), where);
    if (!tensors_.emplace(std::move(name), std::move(view)).second) {
      fail_input(where, ": expected every name once, found it twice");
    }
  }
}

}  // namespace zebra
