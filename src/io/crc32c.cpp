#include "io/crc32c.h"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace zebra {

namespace {

// Row n: what a byte does to the checksum with n bytes of zeros behind it, so that eight bytes are looked up at once.
using Tables = std::array<std::array<uint32_t, 256>, 8>;

constexpr Tables make_tables() {
  constexpr uint32_t kPolynomial = 0x82f63b78;  // reflected
  Tables tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ (value & 1 ? kPolynomial : 0);
    tables[0][byte] = value;
  }
  for (size_t row = 1; row < tables.size(); ++row) {
    for (size_t byte = 0; byte < 256; ++byte) {
      const uint32_t before = tables[row - 1][byte];
      tables[row][byte] = (before >> 8) ^ tables[0][before & 0xff];
    }
  }
  return tables;
}

constexpr Tables kTables = make_tables();

uint64_t word_at(std::string_view bytes, size_t at) {
  uint64_t word;
  std::memcpy(&word, bytes.data() + at, sizeof word);  // little-endian, as is every machine that torch runs on
  return word;
}

uint32_t update_by_table(uint32_t crc, std::string_view bytes) {
  size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) {
    const uint64_t word = word_at(bytes, at) ^ crc;
    crc = 0;
    for (size_t i = 0; i < 8; ++i) crc ^= kTables[7 - i][(word >> (8 * i)) & 0xff];
  }
  for (; at < bytes.size(); ++at) crc = (crc >> 8) ^ kTables[0][(crc ^ static_cast<unsigned char>(bytes[at])) & 0xff];
  return crc;
}

#if defined(__x86_64__)

// The checksum with so many zero bytes behind it, as a table for each of its four bytes: the map is linear.
using Shift = std::array<std::array<uint32_t, 256>, 4>;

constexpr uint32_t shifted(const Shift& shift, uint32_t crc) {
  return shift[0][crc & 0xff] ^ shift[1][(crc >> 8) & 0xff] ^ shift[2][(crc >> 16) & 0xff] ^ shift[3][crc >> 24];
}

Shift make_shift(size_t zeros) {
  std::array<uint32_t, 32> columns{};
  for (size_t bit = 0; bit < columns.size(); ++bit) {
    uint32_t crc = uint32_t{1} << bit;
    for (size_t i = 0; i < zeros; ++i) crc = (crc >> 8) ^ kTables[0][crc & 0xff];
    columns[bit] = crc;
  }
  Shift shift{};
  for (size_t part = 0; part < 4; ++part) {
    for (size_t byte = 0; byte < 256; ++byte) {
      for (size_t bit = 0; bit < 8; ++bit) {
        if (byte >> bit & 1) shift[part][byte] ^= columns[8 * part + bit];
      }
    }
  }
  return shift;
}

// The instruction takes three cycles and can begin every cycle, so three stretches are read side by side and joined.
// Processors foresee one stream of reads, not three so close together: the next bytes are asked for in their order.
constexpr size_t kStretch = 1024, kLine = 64;

__attribute__((target("sse4.2"))) uint32_t update_by_instruction(uint32_t start, std::string_view bytes) {
  static const Shift shift = make_shift(kStretch);
  uint64_t crc = start;
  size_t at = 0;
  for (; at + 3 * kStretch <= bytes.size(); at += 3 * kStretch) {
    uint64_t second = 0, third = 0;
    const char* next = bytes.data() + at + 3 * kStretch;
    for (size_t line = at; line < at + kStretch; line += kLine) {
      for (size_t part = 0; part < 3; ++part, next += kLine) _mm_prefetch(next, _MM_HINT_T0);
      for (size_t i = line; i < line + kLine; i += 8) {
        crc = _mm_crc32_u64(crc, word_at(bytes, i));
        second = _mm_crc32_u64(second, word_at(bytes, i + kStretch));
        third = _mm_crc32_u64(third, word_at(bytes, i + 2 * kStretch));
      }
    }
    crc = shifted(shift, shifted(shift, static_cast<uint32_t>(crc)) ^ static_cast<uint32_t>(second)) ^ third;
  }
  for (; at + 8 <= bytes.size(); at += 8) crc = _mm_crc32_u64(crc, word_at(bytes, at));
  auto out = static_cast<uint32_t>(crc);
  for (; at < bytes.size(); ++at) out = _mm_crc32_u8(out, static_cast<unsigned char>(bytes[at]));
  return out;
}

uint32_t update(uint32_t crc, std::string_view bytes) {
  static const bool has_instruction = __builtin_cpu_supports("sse4.2");
  return has_instruction ? update_by_instruction(crc, bytes) : update_by_table(crc, bytes);
}

#else

uint32_t update(uint32_t crc, std::string_view bytes) {
  return update_by_table(crc, bytes);
}

#endif

}  // namespace

uint32_t crc32c(std::string_view bytes, uint32_t before) {
  return ~update(~before, bytes);
}

uint32_t masked_crc32c(std::string_view bytes) {
  const uint32_t crc = crc32c(bytes);
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8;
}

}  // namespace zebra
