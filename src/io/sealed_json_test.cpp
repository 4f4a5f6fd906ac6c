#include "io/sealed_json.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "io/format.h"
#include "support/scratch.h"

namespace zebra {
namespace {

const Json kState = {
    {"format", 2}, {"files", {{"m", {{"crc32c", 7}}}}}, {"rate", 0.30000000000000004}, {"name", "\"crc32c\": 1"}};

TEST(SealedJson, ReadsWhatWasWritten) {
  const ScratchFolder folder;
  write_sealed_json(folder.path / "state.json", kState);
  const SealedJson back = read_sealed_json(folder.path / "state.json");
  EXPECT_TRUE(back.sealed);
  EXPECT_EQ(back.value, kState);
}

// Files from before the checksum, and such with the word inside.
TEST(SealedJson, SaysWhereThereIsNoChecksum) {
  const ScratchFolder folder;
  folder.put("state.json", kState.dump());
  const SealedJson back = read_sealed_json(folder.path / "state.json");
  EXPECT_FALSE(back.sealed);
  EXPECT_EQ(back.value, kState);
}

TEST(SealedJson, EveryChangedBitIsNoticed) {
  const ScratchFolder folder;
  const fs::path path = folder.path / "state.json";
  write_sealed_json(path, kState);
  const std::string whole = read_file(path);
  for (size_t bit = 0; bit < 8 * whole.size(); ++bit) {
    std::string changed = whole;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    folder.put("state.json", changed);
    try {
      // Where the key itself is hit, whoever knows that this format has one misses it.
      EXPECT_FALSE(read_sealed_json(path).sealed) << "bit " << bit;
      EXPECT_GE(bit / 8, whole.rfind("\"crc32c\"")) << "bit " << bit;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::input) << error.what();
    }
  }
  for (size_t length = 0; length < whole.size() - 1; ++length) {
    folder.put("state.json", whole.substr(0, length));
    EXPECT_THROW(read_sealed_json(path), Error) << length;
  }
}

TEST(Format, OlderOnesAreReadAndNewerOnesRefused) {
  EXPECT_EQ(read_format(Json::object(), "x", 2), 1);
  EXPECT_EQ(read_format({{"format", 2}}, "x", 2), 2);
  for (const Json& wrong :
       {Json{{"format", 3}}, Json{{"format", 0}}, Json{{"format", -1}}, Json{{"format", "2"}}, Json::array()}) {
    EXPECT_THROW(read_format(wrong, "x", 2), Error) << wrong;
  }
  try {
    read_format({{"format", 3}}, "state.json", 2);
  } catch (const Error& error) {
    EXPECT_STREQ(
        error.what(),
        "state.json: key \"format\": expected at most 2, found 3: a newer version of the program wrote it; use "
        "that one");
  }
}

}  // namespace
}  // namespace zebra
