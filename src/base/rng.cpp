#include "base/rng.h"

#include <cmath>
#include <numbers>

namespace zebra {

namespace {

std::array<uint32_t, 4> philox(std::array<uint32_t, 4> c, uint32_t k0, uint32_t k1) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = uint64_t{0xD2511F53} * c[0], b = uint64_t{0xCD9E8D57} * c[2];
    c = {static_cast<uint32_t>(b >> 32) ^ c[1] ^ k0, static_cast<uint32_t>(b),
         static_cast<uint32_t>(a >> 32) ^ c[3] ^ k1, static_cast<uint32_t>(a)};
    k0 += 0x9E3779B9, k1 += 0xBB67AE85;
  }
  return c;
}

}  // namespace

uint32_t Rng::next() {
  const uint64_t index = counter_ / 4;
  if (index != block_index_) {
    block_index_ = index;
    block_ = philox({static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32), static_cast<uint32_t>(stream_),
                     static_cast<uint32_t>(stream_ >> 32)},
                    static_cast<uint32_t>(seed_), static_cast<uint32_t>(seed_ >> 32));
  }
  return block_[counter_++ % 4];
}

double Rng::uniform() {
  const uint64_t high = next() >> 5, low = next() >> 6;
  return (static_cast<double>(high) * 67108864.0 + static_cast<double>(low)) / 9007199254740992.0;
}

double Rng::normal() {
  const double u = 1.0 - uniform(), v = uniform();  // u in (0, 1]: the logarithm stays finite
  return std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * v);
}

uint64_t Rng::below(uint64_t n) {
  // Rejection keeps every value equally likely.
  const uint64_t limit = ~0ull - ~0ull % n;
  for (;;) {
    const uint64_t value = uint64_t{next()} << 32 | next();
    if (value < limit) return value % n;
  }
}

}  // namespace zebra
