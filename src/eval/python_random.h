#pragma once
// Python's random.Random, number for number: which examples a few-shot prompt shows and what a bootstrap draws are
// defined by it. The generator is MT19937 (Matsumoto and Nishimura 1998), seeded by an integer as CPython does.
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace zebra::python {

class Random {
 public:
  explicit Random(uint64_t seed);

  uint32_t next();             // 32 bits
  double uniform();            // random(): [0, 1), 53 bits
  uint64_t below(uint64_t n);  // _randbelow(n), 0 < n <= 2^32
  // Places of sample(range(n), k), k <= n.
  std::vector<size_t> sample(size_t n, size_t k);

 private:
  void turn();

  std::array<uint32_t, 624> state_;
  size_t used_ = 624;
};

}  // namespace zebra::python
