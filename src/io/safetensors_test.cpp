#include "io/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "base/error.h"
#include "base/rng.h"

namespace zebra {
namespace {

// A fresh file name under the temporary folder, removed at the end of the test.
struct ScratchFile {
  fs::path path = fs::temp_directory_path() / ("zebra_st_" + std::to_string(::getpid()) + ".safetensors");
  ~ScratchFile() { fs::remove(path); }
};

std::string with_length(const std::string& header, const std::string& data) {
  std::string out(8, '\0');
  for (int i = 0; i < 8; ++i) out[i] = static_cast<char>(uint64_t{header.size()} >> (8 * i));
  return out + header + data;
}

void put(const fs::path& path, const std::string& bytes) {
  fs::remove(path);  // rewriting in place is much slower than a new file
  std::ofstream(path, std::ios::binary) << bytes;
}

// The one-sentence error that reading `bytes` gives, or "" if it is read without one.
std::string error_of(const std::string& bytes) {
  const ScratchFile file;
  put(file.path, bytes);
  try {
    SafetensorsFile read(file.path);
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::input);
    EXPECT_NE(std::string(error.what()).find(file.path.string()), std::string::npos) << error.what();
    return error.what();
  }
}

const std::string kData(8, 'x'), kNul(1, '\0');

std::string entry(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"a":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
}

TEST(Safetensors, ReadsWhatItWrites) {
  const ScratchFile file;
  const std::vector<float> a = {1.5f, -2, 3, 4, 5, 6};
  const std::vector<int64_t> b = {7, -8};
  const unsigned char c[3] = {1, 0, 1};
  {
    SafetensorsWriter writer(file.path, {{"w\"ä.a", Dtype::f32, {2, 3}},
                                         {"c", Dtype::boolean, {3}},
                                         {"none", Dtype::bf16, {0, 4}},
                                         {"b", Dtype::i64, {2}}});
    writer.append("w\"ä.a", a.data(), 24);
    EXPECT_FALSE(fs::exists(file.path));
    writer.append("c", c, 3);
    writer.append("none", nullptr, 0);
    writer.append("b", b.data(), 16);
    writer.finish();
  }
  const SafetensorsFile read(file.path);
  ASSERT_EQ(read.tensors().size(), 4u);
  const TensorView view = read.tensors().at("w\"ä.a");
  EXPECT_EQ(view.dtype, Dtype::f32);
  EXPECT_EQ(view.shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(std::memcmp(view.data, a.data(), 24), 0);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(view.data) % 8, 0u);
  EXPECT_EQ(std::memcmp(read.tensors().at("b").data, b.data(), 16), 0);
  EXPECT_EQ(std::memcmp(read.tensors().at("c").data, c, 3), 0);
  EXPECT_EQ(read.tensors().at("none").bytes, 0u);
}

TEST(Safetensors, UnfinishedWriterLeavesNothing) {
  const fs::path folder = fs::temp_directory_path() / ("zebra_st_folder_" + std::to_string(::getpid()));
  fs::create_directories(folder);
  {
    SafetensorsWriter writer(folder / "m.safetensors", {{"a", Dtype::u8, {1}}, {"b", Dtype::u8, {1}}});
    EXPECT_THROW(writer.append("b", "x", 1), Error);  // not its turn
    EXPECT_THROW(writer.append("a", "xy", 2), Error);
    writer.append("a", "x", 1);
    EXPECT_THROW(writer.finish(), Error);  // b is missing
  }
  EXPECT_TRUE(fs::is_empty(folder));
  EXPECT_THROW(SafetensorsWriter(folder / "m", {{"a", Dtype::u8, {1}}, {"a", Dtype::u8, {1}}}), Error);
  fs::remove_all(folder);
}

TEST(Safetensors, AcceptsTheSmallestFiles) {
  EXPECT_EQ(error_of(with_length("{}", "")), "");
  EXPECT_EQ(error_of(with_length(entry("F32", "[2]", "[0,8]") + "   ", kData)), "");
  EXPECT_EQ(error_of(with_length(entry("F64", "[]", "[0,8]"), kData)), "");  // a scalar
}

// Each damaged file, and the words its error must carry.
TEST(Safetensors, RefusesDamage) {
  const std::string good = with_length(entry("F32", "[2]", "[0,8]"), kData);
  const std::string two = R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)";
  struct Case {
    std::string bytes;
    std::vector<std::string> words;
  };
  const std::vector<Case> cases = {
      {"", {"at least 8 bytes", "found 0"}},
      {"1234567", {"found 7"}},
      {good.substr(0, 40), {"header", "truncated"}},
      {good.substr(0, good.size() - 1), {"\"a\"", "7 bytes of data", "truncated"}},
      {good + "y", {"cover all 9 bytes", "found 8"}},
      {std::string(8, '\xff') + "{}", {"18446744073709551615"}},
      {with_length("[]", ""), {"JSON object"}},
      {with_length("", ""), {"JSON object"}},
      {with_length("{\"a\":", ""), {"expected JSON"}},
      {with_length("{\"\xff\":1}", ""), {"expected JSON"}},
      {with_length("{\"a\":3}", ""), {"\"a\"", "expected an object", "found 3"}},
      {with_length(entry("F33", "[2]", "[0,8]"), kData), {"\"a\"", "F33", "BF16"}},
      {with_length(entry("F32", "[3]", "[0,8]"), kData), {"\"a\"", "expected 12 bytes", "found 8"}},
      {with_length(entry("F32", "[-2]", "[0,8]"), kData), {"\"a\"", "[-2]"}},
      {with_length(entry("F32", "[2.0]", "[0,8]"), kData), {"\"a\"", "shape"}},
      {with_length(entry("F32", "[4611686018427387904,4]", "[0,8]"), kData), {"\"a\"", "63 bits"}},
      {with_length(entry("F32", "[4294967296,4294967296,0]", "[0,0]"), ""), {"\"a\"", "63 bits"}},
      {with_length(entry("F32", "[18446744073709551615]", "[0,8]"), kData), {"\"a\"", "shape"}},
      {with_length(entry("F32", "[2]", "[8,0]"), kData), {"\"a\"", "data_offsets", "[8, 0]"}},
      {with_length(entry("F32", "[2]", "[0,8,9]"), kData), {"data_offsets"}},
      {with_length(entry("F32", "[2]", "[-8,0]"), kData), {"[-8, 0]"}},
      {with_length(entry("F32", "[2]", "[4,12]"), kData), {"within the file's 8 bytes", "[4, 12]"}},
      {with_length(entry("F32", "[1]", "[4,8]"), kData), {"\"a\"", "begin at byte 0", "found 4", "hole"}},
      {with_length(two + R"("b":{"dtype":"U8","shape":[6],"data_offsets":[2,8]}})", kData),
       {"\"b\"", "begin at byte 4", "found 2", "overlaps"}},
      {with_length(two + R"("a":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}})", kData), {"\"a\"", "twice"}},
      {with_length(two + R"("b":{"dtype":"U8","shape":[4]}})", kData), {"\"b\"", "data_offsets", "no such key"}},
      {with_length(R"({"__metadata__":{"n":1}})", ""), {"__metadata__", "\"n\"", "a string"}},
      {with_length(R"({"__metadata__":7})", ""), {"__metadata__"}},
      {with_length(R"({"__metadata__":{"n":["x"]}})", ""), {"__metadata__", "another type"}},
      {with_length(R"({"__metadata__":{"n":"1","m":"2","n":"1"}})", ""), {"__metadata__", "\"n\"", "twice"}},
      {with_length(R"({"__metadata__":{},"__metadata__":{}})", ""), {"__metadata__", "twice"}},
      {with_length(R"({"a":{"dtype":"U8","dtype":"U8"}})", ""), {"\"dtype\"", "twice"}},
      {with_length(entry("F32", "[2]", "[0,8]") + kNul, kData), {"NUL", "byte 55"}},
      {with_length(entry("F32", "[2]", "[0,8]") + kNul + " x", kData), {"NUL", "byte 55"}},
      {with_length(entry("F32", "[2]", "[0,8]") + "{}", kData), {"expected JSON", "byte 55"}},
  };
  for (const auto& c : cases) {
    const std::string message = error_of(c.bytes);
    for (const auto& word : c.words) EXPECT_NE(message.find(word), std::string::npos) << word << " in: " << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
}

// Lists as long as a hostile file makes them: in time that grows with the file, not with its square.
TEST(Safetensors, LongHeaders) {
  std::string metadata, tensors;
  for (int i = 0; i < 200000; ++i) {
    metadata += (i ? ",\"k" : "\"k") + std::to_string(i) + R"(":"v")";
    tensors += (i ? ",\"t" : "\"t") + std::to_string(i) + R"(":{"dtype":"U8","shape":[0,300],"data_offsets":[0,0]})";
  }
  EXPECT_EQ(error_of(with_length(R"({"__metadata__":{)" + metadata + "}}", "")), "");
  const ScratchFile file;
  put(file.path, with_length("{" + tensors + "}", ""));
  const SafetensorsFile read(file.path);
  EXPECT_EQ(read.tensors().size(), 200000u);
  EXPECT_EQ(read.tensors().at("t199999").shape, (std::vector<int64_t>{0, 300}));
  EXPECT_FALSE(read.tensors().contains("t200000"));
  const std::string deep = std::string(200000, '[') + "7" + std::string(200000, ']');
  EXPECT_NE(error_of(with_length(R"({"a":)" + deep + "}", "")).find("nested"), std::string::npos);
  std::string many = "[0";
  for (int i = 0; i < 100000; ++i) many += ",0";
  EXPECT_NE(error_of(with_length(entry("U8", many + "]", "[0,0]"), "")).find("memory"), std::string::npos);
  const std::string long_text(5 << 20, 'a');
  EXPECT_NE(error_of(with_length(R"({"__metadata__":{"a":")" + long_text + "\"}}", "")).find("at most"),
            std::string::npos);
}

TEST(Safetensors, SurvivesRandomDamage) {
  const std::string header =
      R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
      R"("b":{"dtype":"BF16","shape":[4],"data_offsets":[24,32]},"c":{"dtype":"I64","shape":[],"data_offsets":[32,40]}})";
  const std::string good = with_length(header, std::string(40, 'z'));
  ASSERT_EQ(error_of(good), "");
  Rng rng(7);
  const std::string palette = "0123456789[]{},:\"-eE.\\u \xff";
  int refused = 0;
  const ScratchFile file;
  for (int round = 0; round < 4000; ++round) {
    std::string bytes = good;
    for (uint64_t edits = 1 + rng.below(3); edits > 0; --edits) {
      const size_t at = rng.below(bytes.size());
      switch (rng.below(4)) {
        case 0:
          bytes[at] = static_cast<char>(rng.below(256));
          break;
        case 1:
          bytes[at] = palette[rng.below(palette.size())];
          break;
        case 2:
          bytes.erase(at, 1 + rng.below(4));
          break;
        default:
          bytes.insert(at, 1, palette[rng.below(palette.size())]);
          break;
      }
      if (bytes.empty()) bytes.push_back(palette[0]);
    }
    put(file.path, bytes);
    try {
      const SafetensorsFile read(file.path);
      for (size_t tensor = 0; tensor < read.tensors().size(); ++tensor) {  // every byte that it promises can be read
        const TensorView view = read.tensors().view(tensor);
        volatile unsigned sum = 0;
        for (size_t i = 0; i < view.bytes; ++i) sum = sum + view.data[i];
      }
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::input);
      ++refused;
    }
  }
  EXPECT_GT(refused, 2000);
}

TEST(Safetensors, SizesOfShapes) {
  EXPECT_EQ(tensor_bytes(Dtype::f32, {2, 3}), 24u);
  EXPECT_EQ(tensor_bytes(Dtype::f64, {}), 8u);
  EXPECT_EQ(tensor_bytes(Dtype::f16, {0, 5}), 0u);
  EXPECT_FALSE(tensor_bytes(Dtype::u8, {-1}));
  EXPECT_FALSE(tensor_bytes(Dtype::f64, {int64_t{1} << 61}));
  EXPECT_TRUE(tensor_bytes(Dtype::f64, {int64_t{1} << 59}));
  for (const char* name : {"F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U8", "BOOL"}) {
    ASSERT_TRUE(dtype_from_name(name));
    EXPECT_STREQ(dtype_name(*dtype_from_name(name)), name);
  }
  EXPECT_FALSE(dtype_from_name("F8_E4M3"));
}

}  // namespace
}  // namespace zebra
