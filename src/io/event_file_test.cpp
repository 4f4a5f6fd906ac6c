#include "io/event_file.h"

#include <gtest/gtest.h>

#include "io/crc32c.h"
#include "support/scratch.h"

namespace zebra {
namespace {

TEST(Crc32c, KnownValues) {
  EXPECT_EQ(crc32c(""), 0u);
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);            // the check value of the polynomial
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);  // RFC 3720, B.4
  EXPECT_EQ(masked_crc32c(""), 0xa282ead8u);
}

// Long texts are read in stretches side by side: against the definition, bit by bit, at lengths around their ends.
TEST(Crc32c, AnyLengthAndAnyPartingIsTheSame) {
  std::string text(3 * 1024 * 3 + 77, '\0');
  uint32_t state = 1;
  for (char& c : text) state = state * 1664525 + 1013904223, c = static_cast<char>(state >> 24);
  const auto plain = [](std::string_view bytes) {
    uint32_t crc = ~uint32_t{0};
    for (const char c : bytes) {
      crc ^= static_cast<unsigned char>(c);
      for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return ~crc;
  };
  for (const size_t length : {1, 7, 8, 9, 1023, 3071, 3072, 3073, 3080, 6143, 6144, 9216, 9293}) {
    for (const size_t begin : {0, 3}) {
      const std::string_view part = std::string_view(text).substr(begin, length);
      EXPECT_EQ(crc32c(part), plain(part)) << length << " bytes from " << begin;
    }
  }
  for (const size_t cut : {0, 1, 3072, 5000}) {
    EXPECT_EQ(crc32c(std::string_view(text).substr(cut), crc32c(std::string_view(text).substr(0, cut))), plain(text));
  }
}

class EventFileTest : public testing::Test {
 protected:
  ScratchFolder folder;
  fs::path path = folder.path / "events";

  std::string write(int64_t done, int64_t last) const {
    EventFile file(path, done);
    for (int64_t step = done + 1; step <= last; ++step) file.add(step, {{"loss", 1.0 / double(step)}, {"lr", 1e-3}});
    return read_file(path);
  }
};

TEST_F(EventFileTest, FirstRecordNamesTheVersion) {
  const std::string content = write(0, 0);
  EXPECT_EQ(content.size(), 12 + 9 + 15 + 4u);
  EXPECT_NE(content.find("brain.Event:2"), std::string::npos);
  EXPECT_EQ(readable_events(content, 0).bytes, content.size());
}

TEST_F(EventFileTest, GoesOnBehindItsLastStep) {
  const std::string short_file = write(0, 130), long_file = write(130, 300);
  EXPECT_EQ(long_file.substr(0, short_file.size()), short_file);
  EXPECT_EQ(readable_events(long_file, 130).bytes, short_file.size());
  EXPECT_EQ(readable_events(long_file, 300).bytes, long_file.size());
  EXPECT_EQ(write(130, 300).size(), long_file.size());  // steps 131 to 300 again, not twice
  EXPECT_EQ(write(0, 130).size(), short_file.size());   // a run that starts anew keeps none
}

TEST_F(EventFileTest, ACutOrDamagedTailIsALostRecord) {
  const std::string two = write(0, 2), three = write(2, 3);
  for (size_t size = two.size(); size < three.size(); ++size) {
    EXPECT_EQ(readable_events(std::string_view(three).substr(0, size), 3).bytes, two.size());
  }
  for (size_t at = two.size(); at < three.size(); ++at) {
    std::string damaged = three;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    EXPECT_EQ(readable_events(damaged, 3).bytes, two.size());
  }
  folder.put("events", three.substr(0, three.size() - 5));
  testing::internal::CaptureStderr();
  EXPECT_EQ(write(3, 4).size(), three.size());  // step 3 is lost, step 4 stands behind step 2
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find("events: the events after step 2 of 3 are lost or cannot be read"), std::string::npos) << said;
}

TEST_F(EventFileTest, WholeOnesAndThoseOfLaterStepsNeedNoWarning) {
  write(0, 5);
  testing::internal::CaptureStderr();
  write(5, 9), write(7, 8), write(0, 1);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST_F(EventFileTest, AFileOfOthersIsReplaced) {
  folder.put("events", "not an event file at all");
  const std::string content = write(5, 6);
  EXPECT_EQ(readable_events(content, 6).bytes, content.size());
}

}  // namespace
}  // namespace zebra
