#include "data/documents.h"

#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <fstream>
#include <limits>

#include "base/error.h"

namespace zebra {
namespace {

class DocumentsTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / cat("zebra_documents_test_", ::getpid());
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path write(const std::string& name, const std::string& content) const {
    std::ofstream(folder_ / name, std::ios::binary) << content;
    return folder_ / name;
  }
  static std::vector<std::string> read(const fs::path& path) {
    std::vector<std::string> out;
    read_documents(path, [&](const std::string& text) {
      out.push_back(text);
      return true;
    });
    return out;
  }
  static void expect_error(const fs::path& path, const std::string& part) {
    try {
      read(path);
      ADD_FAILURE() << path << " was read";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::input);
      const std::string message = error.what();
      EXPECT_NE(message.find(part), std::string::npos) << message;
      EXPECT_NE(message.find(path.string()), std::string::npos) << message;
    }
  }

  fs::path folder_;
};

std::string gzipped(const std::string& text) {
  std::string out(compressBound(text.size()) + 64, '\0');
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string zstandard(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

const std::string kLines = "{\"text\": \"one\"}\n\n{\"id\": 2, \"text\": \"two\\nlines é\"}\n{\"text\": \"\"}";
const std::vector<std::string> kTexts = {"one", "two\nlines é", ""};

TEST_F(DocumentsTest, ReadsJsonLinesPlainAndPacked) {
  EXPECT_EQ(read(write("a.jsonl", kLines)), kTexts);
  EXPECT_EQ(read(write("a.json", kLines + "\n")), kTexts);
  EXPECT_EQ(read(write("a.jsonl.gz", gzipped(kLines))), kTexts);
  EXPECT_EQ(read(write("a.jsonl.zst", zstandard(kLines))), kTexts);
  // Members and frames one after the other are one text.
  EXPECT_EQ(read(write("b.jsonl.gz", gzipped(kLines.substr(0, 20)) + gzipped(kLines.substr(20)))), kTexts);
  EXPECT_EQ(read(write("b.jsonl.zst", zstandard(kLines.substr(0, 20)) + zstandard(kLines.substr(20)))), kTexts);
}

TEST_F(DocumentsTest, TextFileIsOneDocumentOfAnySize) {
  for (const size_t size : {size_t{10}, size_t{1} << 18, (size_t{1} << 20) + 7}) {
    std::string text;
    while (text.size() < size) text += "line " + std::to_string(text.size()) + "\n";
    text.resize(size);
    EXPECT_EQ(read(write("a.txt", text)), std::vector{text});
    EXPECT_EQ(read(write("a.txt.gz", gzipped(text))), std::vector{text});
    EXPECT_EQ(read(write("a.txt.zst", zstandard(text))), std::vector{text});
    const std::string same(size, 'x');  // far more output than input
    EXPECT_EQ(read(write("b.txt.gz", gzipped(same))), std::vector{same});
    EXPECT_EQ(read(write("b.txt.zst", zstandard(same))), std::vector{same});
  }
}

TEST_F(DocumentsTest, StopsWhenAsked) {
  int seen = 0;
  read_documents(write("a.jsonl", kLines), [&](const std::string&) { return ++seen < 2; });
  EXPECT_EQ(seen, 2);
}

TEST_F(DocumentsTest, ErrorsNameFileAndLine) {
  expect_error(write("a.jsonl", "{\"text\": \"x\"}\n{\"text\": 3}\n"), "line 2: key \"text\"");
  expect_error(write("a.jsonl", "{\"text\": \"x\"}\n\n{oops\n"), "line 3");
  expect_error(write("a.jsonl", "{\"messages\": []}\n"), "render chat messages");
  expect_error(write("a.jsonl", "[1]\n"), "line 1");
  expect_error(write("a.jsonl", "{\"text\": \"\xFF\"}\n"), "line 1");
  expect_error(write("a.jsonl.xz", "x"), "xz -d");
  expect_error(write("a.parquet", "x"), ".parquet");
  expect_error(folder_ / "none.jsonl", "check the path");
  expect_error(folder_, "");
}

TEST_F(DocumentsTest, DamagedPackedFilesAreErrors) {
  const std::string gz = gzipped(kLines), zst = zstandard(kLines);
  expect_error(write("a.jsonl.gz", gz.substr(0, gz.size() / 2)), "end of the file");
  expect_error(write("a.jsonl.zst", zst.substr(0, zst.size() / 2)), "end of the file");
  expect_error(write("a.jsonl.gz", kLines), "gzip");
  expect_error(write("a.jsonl.zst", kLines), "zstd");
  expect_error(write("a.jsonl.gz", ""), "gzip");
  std::string broken = gz;
  broken[broken.size() / 2] ^= 0x55;
  expect_error(write("a.jsonl.gz", broken), "gzip");
}

TEST_F(DocumentsTest, PacksRowsAcrossDocuments) {
  fs::copy_file("tests/golden/tokenizer/byte_level.json", folder_ / "tokenizer.json");
  const Tokenizer tokenizer = Tokenizer::load(folder_);
  const fs::path file = write("a.jsonl", "{\"text\": \"abc\"}\n{\"text\": \"zzz\"}\n{\"text\": \"q\"}\n");
  std::vector<int64_t> flat;
  for (const std::string text : {"abc", "zzz", "q"}) {
    for (const int64_t id : tokenizer.encode(text, true)) flat.push_back(id);
    flat.push_back(1);
  }
  const TokenBlock block = pack_documents({file}, tokenizer, {.length = 4, .eos = 1});
  ASSERT_EQ(block.starts.size(), block.ids.size());
  EXPECT_EQ(block.starts[0], 1);
  for (size_t i = 1; i < block.ids.size(); ++i) EXPECT_EQ(block.starts[i] == 1, block.ids[i - 1] == 1) << i;
  ASSERT_EQ(block.count(), static_cast<int64_t>(flat.size()) / 4);
  EXPECT_TRUE(std::equal(block.ids.begin(), block.ids.end(), flat.begin()));
  EXPECT_EQ(pack_documents({file, file}, tokenizer, {.length = 4, .eos = 1, .limit = 6}).ids.size(), 4u);
  EXPECT_EQ(pack_documents({file}, tokenizer, {.length = 4, .eos = 1, .limit = 3}).ids.size(), 4u);
  EXPECT_THROW(pack_documents({file}, tokenizer, {.length = 1000, .eos = 1}), Error);
  EXPECT_THROW(pack_documents({file}, tokenizer, {.length = 0, .eos = 1}), Error);
}

TEST_F(DocumentsTest, FilesShareALimit) {
  fs::copy_file("tests/golden/tokenizer/byte_level.json", folder_ / "tokenizer.json");
  const Tokenizer tokenizer = Tokenizer::load(folder_);
  const auto documents = [&](const char* name, const std::string& text, int count) {
    std::string lines;
    for (int i = 0; i < count; ++i) lines += cat("{\"text\": \"", text, "\"}\n");
    return write(name, lines);
  };
  const fs::path q = documents("q.jsonl", "q", 500), z = documents("z.jsonl", "z", 400),
                 x = documents("x.jsonl", "x", 3);
  const auto counted = [&](const std::vector<fs::path>& files, const std::string& text) {
    const TokenBlock block = pack_documents(files, tokenizer, {.length = 1, .eos = 1, .bos = false, .limit = 120});
    EXPECT_EQ(block.count(), 120);
    const auto id = static_cast<int32_t>(tokenizer.encode(text, false).front());
    return std::count(block.ids.begin(), block.ids.end(), id);
  };
  // Each document is one token and its end.
  EXPECT_EQ(counted({q, z}, "q"), 30);
  EXPECT_EQ(counted({q, z}, "z"), 30);
  EXPECT_EQ(counted({q, x, z}, "x"), 3);
  EXPECT_NEAR(static_cast<double>(counted({q, x, z}, "q")), 28, 1);
  EXPECT_NEAR(static_cast<double>(counted({q, x, z}, "z")), 28, 1);
}

TEST(ShuffledOrderTest, HasNoRowBeforeTheFirst) {
  ShuffledOrder order(100, 7);
  for (const int64_t position : {int64_t{-1}, int64_t{-100}, std::numeric_limits<int64_t>::min()}) {
    EXPECT_THROW(order(position), Error);
  }
}

TEST(ShuffledOrderTest, IsAPermutationAndAPureFunction) {
  ShuffledOrder order(100, 7);
  std::vector<int64_t> first, second;
  for (int64_t i = 0; i < 100; ++i) first.push_back(order(i));
  for (int64_t i = 100; i < 200; ++i) second.push_back(order(i));
  EXPECT_NE(first, second);
  ShuffledOrder again(100, 7), other(100, 8);
  EXPECT_EQ(again(150), second[50]);
  EXPECT_EQ(again(3), first[3]);
  int same = 0;
  for (int64_t i = 0; i < 100; ++i) same += other(i) == first[static_cast<size_t>(i)];
  EXPECT_LT(same, 20);
  for (auto* epoch : {&first, &second}) {
    std::sort(epoch->begin(), epoch->end());
    for (int64_t i = 0; i < 100; ++i) EXPECT_EQ((*epoch)[static_cast<size_t>(i)], i);
  }
}

}  // namespace
}  // namespace zebra
