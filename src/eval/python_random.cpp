#include "eval/python_random.h"

#include <bit>
#include <cmath>
#include <numeric>
#include <unordered_set>

namespace zebra::python {

Random::Random(uint64_t seed) {
  constexpr size_t n = 624;
  state_[0] = 19650218u;
  for (uint32_t i = 1; i < n; ++i) state_[i] = 1812433253u * (state_[i - 1] ^ (state_[i - 1] >> 30)) + i;
  std::vector<uint32_t> key = {static_cast<uint32_t>(seed)};
  if (seed >> 32) key.push_back(static_cast<uint32_t>(seed >> 32));
  size_t i = 1, j = 0;
  const auto advance = [&] {
    if (++i == n) {
      state_[0] = state_[n - 1];
      i = 1;
    }
  };
  for (size_t k = n; k > 0; --k) {
    state_[i] = (state_[i] ^ ((state_[i - 1] ^ (state_[i - 1] >> 30)) * 1664525u)) + key[j] + static_cast<uint32_t>(j);
    advance();
    if (++j == key.size()) j = 0;
  }
  for (size_t k = n - 1; k > 0; --k) {
    state_[i] = (state_[i] ^ ((state_[i - 1] ^ (state_[i - 1] >> 30)) * 1566083941u)) - static_cast<uint32_t>(i);
    advance();
  }
  state_[0] = 0x80000000u;
}

void Random::turn() {
  constexpr size_t n = 624, m = 397;
  for (size_t i = 0; i < n; ++i) {
    const uint32_t y = (state_[i] & 0x80000000u) | (state_[(i + 1) % n] & 0x7fffffffu);
    state_[i] = state_[(i + m) % n] ^ (y >> 1) ^ (y & 1 ? 0x9908b0dfu : 0u);
  }
  used_ = 0;
}

uint32_t Random::next() {
  if (used_ == state_.size()) turn();
  uint32_t y = state_[used_++];
  y ^= y >> 11;
  y ^= (y << 7) & 0x9d2c5680u;
  y ^= (y << 15) & 0xefc60000u;
  return y ^ (y >> 18);
}

double Random::uniform() {
  const uint32_t high = next() >> 5, low = next() >> 6;
  return (high * 67108864.0 + low) * (1.0 / 9007199254740992.0);
}

uint64_t Random::below(uint64_t n) {
  const int bits = std::bit_width(n);
  const auto draw = [&]() -> uint64_t {
    if (bits <= 32) return next() >> (32 - bits);
    const uint64_t low = next();
    return low | (static_cast<uint64_t>(next() >> (64 - bits)) << 32);
  };
  uint64_t value = draw();
  while (value >= n) value = draw();
  return value;
}

std::vector<size_t> Random::sample(size_t n, size_t k) {
  // CPython keeps a list of what is left while that is smaller than a set of what was taken.
  double set_size = 21;
  if (k > 5) set_size += std::pow(4, std::ceil(std::log(static_cast<double>(k * 3)) / std::log(4.0)));
  std::vector<size_t> chosen;
  if (static_cast<double>(n) <= set_size) {
    std::vector<size_t> pool(n);
    std::iota(pool.begin(), pool.end(), size_t{0});
    for (size_t i = 0; i < k; ++i) {
      const size_t j = below(n - i);
      chosen.push_back(pool[j]);
      pool[j] = pool[n - i - 1];
    }
    return chosen;
  }
  std::unordered_set<size_t> taken;
  while (chosen.size() < k) {
    const size_t j = below(n);
    if (taken.insert(j).second) chosen.push_back(j);
  }
  return chosen;
}

}  // namespace zebra::python
