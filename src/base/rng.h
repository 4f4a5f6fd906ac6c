#pragma once
// Counter-based random numbers (Philox4x32-10; Salmon et al., SC 2011): the n-th number of a stream is a pure function
// of (seed, stream, n), so data order and initialisation never depend on what else was drawn, and a resumed run
// continues exactly.
#include <array>
#include <cstdint>

namespace zebra {

class Rng {
 public:
  explicit Rng(uint64_t seed, uint64_t stream = 0) : seed_(seed), stream_(stream) {}

  uint32_t next();             // uniform over 32 bits
  double uniform();            // [0, 1), 53 bits
  double normal();             // mean 0, variance 1
  uint64_t below(uint64_t n);  // [0, n), n > 0

  uint64_t position() const { return counter_; }
  void seek(uint64_t position) { counter_ = position; }

 private:
  uint64_t seed_, stream_;
  uint64_t counter_ = 0;  // numbers drawn
  uint64_t block_index_ = ~0ull;
  std::array<uint32_t, 4> block_{};
};

}  // namespace zebra
