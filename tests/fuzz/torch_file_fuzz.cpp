// pytorch_model.bin: an archive as it is, or (an input that begins with a pickle's 0x80) the pickle of one.
#include "base/error.h"
#include "fuzz/files.h"
#include "fuzz/fuzz.h"
#include "io/torch_file.h"
#include "support/torch_archive.h"

namespace zebra::fuzz {

namespace {

using namespace testing;

const std::vector<std::string> kStorages = {std::string(64, 'z'), std::string(3, 'y')};

}  // namespace

std::vector<std::string> seeds() {
  const std::string four = storage("FloatStorage", "0", 16);
  std::vector<std::string> out = {
      dictionary({{"a", tensor(four, 0, {4, 4}, {4, 1})}, {"b", tensor(four, 3, {2}, {1})}}),
      dictionary({{"c", tensor(storage("CharStorage", "1", 3), 0, {3, 0}, {1, 1})}}),
      "\x80\x02}q\x01X\x01" + std::string(3, '\0') + "aNsb."};
  for (const char* name : {"module", "ordered", "protocol3", "protocol4", "protocol5", "parameters", "views", "types",
                           "fp8", "training", "sparse"}) {
    const fs::path path = fs::path("tests/golden/pickles") / (std::string(name) + ".bin");
    out.push_back(read_file(path));
    const ZipFile archive(path);
    for (const auto& [record, bytes] : archive.records()) {
      if (record.ends_with("data.pkl")) out.emplace_back(bytes);
    }
  }
  out.push_back(torch_archive(out[0], kStorages, {.wide = true}));
  return out;
}
std::vector<std::string> words() {
  return {"\x80\x02",
          "}",
          "]",
          ")",
          "(",
          "t",
          "R",
          "Q",
          "b",
          "s",
          "u",
          "e",
          "a",
          ".",
          "N",
          "\x88",
          "\x89",
          "\x85",
          "\x86",
          "\x87",
          "q\x01",
          "h\x01",
          "h\x02",
          "K\x04",
          "M\xff\xff",
          "J\xff\xff\xff\xff",
          "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f",
          "X\x01\0\0\0a",
          "\x8c\x01"
          "0",
          "\x8d\xff\xff\xff\xff\xff\xff\xff\xff",
          "\x93",
          "\x94",
          "\x95",
          "G",
          "ccollections\nOrderedDict\n",
          "ctorch._utils\n_rebuild_tensor_v2\n",
          "ctorch._utils\n_rebuild_tensor_v3\n",
          "ctorch._utils\n_rebuild_parameter\n",
          "ctorch\nFloatStorage\n",
          "ctorch.storage\nUntypedStorage\n",
          "ctorch\nSize\n",
          "ctorch\nfloat8_e4m3fn\n",
          "ctorch\nfloat32\n",
          "PK\x01\x02",
          "PK\x03\x04",
          "PK\x05\x06",
          "PK\x06\x06",
          "PK\x06\x07",
          "\xff\xff\xff\xff",
          std::string(4, '\0'),
          "data.pkl",
          "data/0",
          std::string(70, '(')};
}

}  // namespace zebra::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace zebra;
  std::string bytes(fuzz::text(data, size));
  if (bytes.starts_with("\x80")) bytes = testing::torch_archive(bytes, fuzz::kStorages);
  try {
    const TorchFile file(fuzz::put("pytorch_model.bin", bytes));
    volatile unsigned sum = 0;
    for (const auto& [name, view] : file.tensors()) {
      const size_t element = dtype_size(view.dtype);
      for (size_t at = 0; at < view.span * element; ++at) sum = sum + view.data[at];
      size_t last = 0;  // the farthest element that the strides reach
      for (size_t dim = 0; dim < view.shape.size(); ++dim) {
        last += static_cast<size_t>(view.shape[dim] > 0 ? (view.shape[dim] - 1) * view.strides[dim] : 0);
      }
      if (*tensor_bytes(view.dtype, view.shape) > 0 && last + 1 != view.span) __builtin_trap();
      if (*tensor_bytes(view.dtype, view.shape) > bytes.size()) __builtin_trap();
    }
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::input) __builtin_trap();
  }
  return 0;
}
