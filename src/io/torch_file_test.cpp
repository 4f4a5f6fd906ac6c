// State dicts as torch.save writes them (tests/golden/make_pickles.py), and what is near to one and is none.
#include "io/torch_file.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/error.h"
#include "base/rng.h"
#include "support/scratch.h"
#include "support/torch_archive.h"

namespace zebra {
namespace {

using namespace testing;

const fs::path kGolden = "tests/golden/pickles";

// The numbers of a view in row-major order; float and bfloat16 only.
std::vector<float> numbers_of(const StridedView& view) {
  std::vector<float> out;
  std::vector<int64_t> at(view.shape.size(), 0);
  int64_t count = 1;
  for (const int64_t dim : view.shape) count *= dim;
  for (int64_t i = 0; i < count; ++i) {
    int64_t place = 0, left = i;
    for (size_t dim = view.shape.size(); dim-- > 0; left /= view.shape[dim]) {
      place += left % view.shape[dim] * view.strides[dim];
    }
    EXPECT_LT(static_cast<size_t>(place), view.span);
    float value = 0;
    if (view.dtype == Dtype::f32) {
      std::memcpy(&value, view.data + 4 * place, 4);
    } else {
      std::memcpy(reinterpret_cast<char*>(&value) + 2, view.data + 2 * place, 2);
    }
    out.push_back(value);
  }
  return out;
}

std::vector<float> steps(int count, float step, float begin = 0) {
  std::vector<float> out;
  for (int i = 0; i < count; ++i) out.push_back(begin + static_cast<float>(i) * step);
  return out;
}

std::string error_of(const std::string& bytes) {
  const ScratchFolder folder;
  folder.put("pytorch_model.bin", bytes);
  try {
    const TorchFile file(folder.path / "pytorch_model.bin");
    for (const auto& [name, view] : file.tensors()) {  // every byte that it promises can be read
      volatile unsigned sum = 0;
      for (size_t i = 0; i < view.span * dtype_size(view.dtype); ++i) sum = sum + view.data[i];
    }
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::input) << error.what();
    EXPECT_NE(std::string(error.what()).find("pytorch_model.bin"), std::string::npos) << error.what();
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
    return error.what();
  }
  return "";
}

void expect_words(const std::string& message, const std::vector<std::string>& words) {
  for (const auto& word : words) EXPECT_NE(message.find(word), std::string::npos) << word << " in: " << message;
}

TEST(TorchFile, EveryWayOfWritingAStateDict) {
  for (const char* name : {"module", "ordered", "plain", "protocol3", "protocol4", "protocol5", "parameters"}) {
    SCOPED_TRACE(name);
    const TorchFile file(kGolden / (std::string(name) + ".bin"));
    ASSERT_EQ(file.tensors().size(), name == std::string("module") ? 3u : 2u);
    const StridedView &a = file.tensors().at("a"), &b = file.tensors().at("b");
    EXPECT_EQ(a.shape, (std::vector<int64_t>{3, 4}));
    EXPECT_EQ(a.dtype, Dtype::f32);
    EXPECT_EQ(numbers_of(a), steps(12, 0.5f));
    EXPECT_EQ(b.shape, (std::vector<int64_t>{5}));
    EXPECT_EQ(b.dtype, Dtype::bf16);
    EXPECT_EQ(numbers_of(b), steps(5, 1));
  }
}

TEST(TorchFile, ViewsOfOneStorage) {
  const TorchFile file(kGolden / "views.bin");
  const auto& tensors = file.tensors();
  EXPECT_EQ(tensors.at("a").shape, (std::vector<int64_t>{3, 3}));
  EXPECT_EQ(numbers_of(tensors.at("a")), (std::vector<float>{1.5f, 2, 2.5f, 3, 3.5f, 4, 4.5f, 5, 5.5f}));
  EXPECT_EQ(tensors.at("b").shape, (std::vector<int64_t>{6, 4}));
  EXPECT_EQ(numbers_of(tensors.at("b"))[1], 1.5f);
  EXPECT_EQ(numbers_of(tensors.at("tied")), steps(24, 0.25f));
  EXPECT_EQ(tensors.at("tied").data, tensors.at("b").data);
  EXPECT_EQ(numbers_of(tensors.at("scalar")), std::vector<float>{7});
  EXPECT_TRUE(numbers_of(tensors.at("empty")).empty());
  EXPECT_EQ(numbers_of(tensors.at("expanded")), (std::vector<float>{2, 2, 2}));
}

TEST(TorchFile, EveryType) {
  const TorchFile file(kGolden / "types.bin");
  ASSERT_EQ(file.tensors().size(), 10u);
  for (const auto& [name, dtype] : std::vector<std::pair<std::string, Dtype>>{{"float64", Dtype::f64},
                                                                              {"float32", Dtype::f32},
                                                                              {"float16", Dtype::f16},
                                                                              {"bfloat16", Dtype::bf16},
                                                                              {"int64", Dtype::i64},
                                                                              {"int32", Dtype::i32},
                                                                              {"int16", Dtype::i16},
                                                                              {"int8", Dtype::i8},
                                                                              {"uint8", Dtype::u8},
                                                                              {"bool", Dtype::boolean}}) {
    EXPECT_EQ(file.tensors().at(name).dtype, dtype) << name;
    EXPECT_EQ(file.tensors().at(name).span, 3u) << name;
  }
}

TEST(TorchFile, WhatIsNoStateDict) {
  const auto error_with = [](const char* name) { return error_of(read_file(kGolden / (std::string(name) + ".bin"))); };
  expect_words(error_with("fp8"), {"tensor \"w\"", "float8_e4m3fn"});
  expect_words(error_with("uint16"), {"tensor \"w\"", "uint16"});
  expect_words(error_with("negated"), {"tensor \"w\"", "negated"});
  expect_words(error_with("sparse"), {"torch._utils._rebuild_sparse_tensor"});
  expect_words(error_with("training"), {"\"state_dict\"", "a dictionary", "alone"});
  expect_words(error_with("number"), {"\"step\"", "an integer"});
  expect_words(error_with("list"), {"dictionary of tensors", "a list"});
  expect_words(error_with("module_whole"), {"__main__.Both", "does not run"});
  expect_words(error_with("legacy"), {"before PyTorch 1.6", "torch.save"});
}

const std::string kData(16, 'z');
std::string one(const std::string& value) {
  return torch_archive(dictionary({{"w", value}}), {kData});
}
std::string opcodes(const std::string& bytes) {
  return torch_archive(joined("\x80\x02", bytes), {kData});
}

TEST(TorchFile, NumbersThatDoNotFit) {
  const std::string four = storage("FloatStorage", "0", 4);
  EXPECT_EQ(error_of(one(tensor(four, 0, {2, 2}, {2, 1}))), "");
  EXPECT_EQ(error_of(one(tensor(four, 3, {1}, {1}))), "");
  EXPECT_EQ(error_of(one(tensor(four, 4, {0}, {1}))), "");
  const int64_t huge = INT64_MAX;
  for (const std::string& value :
       {tensor(four, 1, {2, 2}, {2, 1}), tensor(four, 0, {2, 2}, {3, 1}), tensor(four, 0, {5}, {1}),
        tensor(four, 5, {0}, {1}), tensor(four, huge, {1}, {1}), tensor(four, 0, {2}, {huge})}) {
    expect_words(error_of(one(value)), {"tensor \"w\"", "within its storage"});
  }
  for (const std::string& value : {tensor(four, -1, {1}, {1}), tensor(four, 0, {1}, {-1}), tensor(four, 0, {1}, {})}) {
    expect_words(error_of(one(value)), {"tensor \"w\"", "strides"});
  }
  expect_words(error_of(one(tensor(four, 0, {huge, 2}, {0, 0}))), {"tensor \"w\"", "63 bits"});
  expect_words(error_of(one(tensor(four, 0, {-1}, {1}))), {"tensor \"w\"", "[-1]"});
  expect_words(error_of(one(tensor(four, 0, {1000, 1000}, {0, 0}))), {"tensor \"w\"", "at most the file's"});
  expect_words(error_of(one(tensor(storage("FloatStorage", "0", 5), 0, {1}, {1}))), {"5 elements", "16 bytes"});
  expect_words(error_of(one(tensor(storage("FloatStorage", "0", -1), 0, {0}, {1}))), {"tensor \"w\""});
  expect_words(error_of(one(tensor(storage("FloatStorage", "7", 4), 0, {1}, {1}))), {"data/7", "no such record"});
  expect_words(error_of(one(tensor(storage("ComplexFloatStorage", "0", 1), 0, {1}, {1}))), {"\"w\"", "ComplexFloat"});
  const std::vector<int64_t> many(65, 1);
  expect_words(error_of(one(tensor(four, 0, many, many))), {"tensor \"w\"", "64 dimensions"});
  const std::string w = tensor(four, 0, {1}, {1});
  expect_words(error_of(torch_archive(dictionary({{"w", w}, {"w", w}}), {kData})), {"\"w\"", "once"});
}

// Just within and just past each limit.
TEST(TorchFile, LimitsOfTheWalk) {
  const auto nested = [](int count) { return std::string(static_cast<size_t>(count), '('); };
  expect_words(error_of(opcodes(nested(64) + "0.")), {"without its values"});
  expect_words(error_of(opcodes(nested(65) + ".")), {"64 deep"});
  std::string tuples = ")";
  for (int i = 0; i < 63; ++i) tuples += "\x85";
  expect_words(error_of(opcodes(tuples + ".")), {"dictionary of tensors, found a tuple"});
  expect_words(error_of(opcodes(tuples + "\x85.")), {"64 deep"});
  const std::string many(500000, ']');
  expect_words(error_of(opcodes(many + ".")), {"500000 values"});
  expect_words(error_of(opcodes(many + many + ".")), {"opcodes"});
  for (const std::string& length :
       {joined("X", little(0xffffffff, 4)), joined("\x8d", little(UINT64_MAX, 8)), joined("\x8c\xff", "a"),
        joined("B", little(100, 4)), joined("\x95", little(1000, 8))}) {
    EXPECT_NE(error_of(opcodes(length)), "") << length;
  }
  expect_words(error_of(opcodes(joined("X", little(0xffffffff, 4)))), {"a length of 4294967295", "0 bytes are left"});
  expect_words(error_of(opcodes(joined("\x8a\x09", std::string(9, '\1'), "."))), {"an integer of 9 bytes"});
  expect_words(error_of(opcodes("h\x05.")), {"number 5", "never remembered"});
  expect_words(error_of(opcodes(joined("}r", little(0xffffffff, 4), "j", little(0xffffffff, 4), "0."))), {});
  expect_words(error_of(opcodes("cos\nsystem\n.")), {"os.system", "does not run"});
  expect_words(error_of(opcodes(joined("c__builtin__\neval\n", tuple({text("1")}), "R."))), {"__builtin__.eval"});
  expect_words(error_of(opcodes("ctorch\nfloat32\n)R.")), {"a call of torch.float32"});
  expect_words(error_of(opcodes("}.}")), {"1 bytes behind"});
  expect_words(error_of(opcodes("}")), {"a length of 1 where 0"});
  expect_words(error_of(opcodes("(}Nu.")), {"without a dictionary"});
  expect_words(error_of(opcodes("}(Nu.")), {"a key without its value"});
  expect_words(error_of(opcodes("}(NNu.")), {"keys of the dictionary"});
  expect_words(error_of(opcodes("I1\n.")), {"opcode 73"});
  expect_words(error_of(torch_archive("(dp0\n.", {})), {"protocol"});
  expect_words(error_of(torch_archive("\x80\x06}.", {})), {"protocol 6"});
  EXPECT_EQ(error_of(opcodes("}.")), "");
}

TEST(TorchFile, Archives) {
  const std::string pickle = dictionary({{"w", tensor(storage("FloatStorage", "0", 4), 0, {4}, {1})}});
  EXPECT_EQ(error_of(torch_archive(pickle, {kData})), "");
  EXPECT_EQ(error_of(torch_archive(pickle, {kData}, {.wide = true})), "");
  EXPECT_EQ(error_of(torch_archive(pickle, {kData}) + "a comment"), "");
  expect_words(error_of(torch_archive(pickle, {kData}, {.method = 8})), {"data.pkl", "compressed"});
  expect_words(error_of(torch_archive(pickle, {kData}, {.flags = 1})), {"encrypted"});
  for (const bool wide : {false, true}) {
    EXPECT_NE(error_of(torch_archive(pickle, {kData}, {.wide = wide, .more = 0x40000000})), "");
  }
  expect_words(error_of(zip_archive({{"x/data/0", kData}})), {"data.pkl", "none"});
  expect_words(error_of(zip_archive({{"x/data.pkl", pickle}, {"y/data.pkl", pickle}})), {"data.pkl", "two"});
  expect_words(error_of(zip_archive({{"x/data.pkl", pickle}, {"x/data.pkl", pickle}})), {"two records"});
  expect_words(error_of(zip_archive({{"x/data.pkl", pickle}, {"x/byteorder", "big"}, {"x/data/0", kData}})), {"big"});
  expect_words(error_of(""), {"zip"});
  expect_words(error_of("PK\x03\x04"), {"truncated"});
  expect_words(error_of("version https://git-lfs.github.com/spec/v1\n"), {"zip", "another format"});
  expect_words(error_of(std::string(257, '\0') + "ustar" + std::string(300, '\0')), {"before PyTorch 1.6"});
  const std::string good = torch_archive(pickle, {kData});
  for (size_t size = 0; size < good.size(); size += 5) EXPECT_NE(error_of(good.substr(0, size)), "") << size;
}

TEST(TorchFile, SurvivesRandomDamage) {
  Rng rng(5);
  for (const char* name : {"module", "protocol4", "views", "fp8"}) {
    const std::string good = read_file(kGolden / (std::string(name) + ".bin"));
    for (int round = 0; round < 200; ++round) {
      std::string bytes = good;
      for (uint64_t edits = 1 + rng.below(3); edits > 0; --edits)
        bytes[rng.below(bytes.size())] = static_cast<char>(rng.below(256));
      error_of(bytes);  // an error of the input or none, never anything else
    }
  }
}

}  // namespace
}  // namespace zebra
