#pragma once
#include <algorithm>
#include <chrono>
#include <functional>

namespace zebra::bench {

// The fastest of `runs` calls in milliseconds: other work on the machine only ever makes a call slower.
inline double best_ms(const std::function<void()>& call, int runs) {
  double best = 1e30;
  for (int run = 0; run < runs; ++run) {
    const auto start = std::chrono::steady_clock::now();
    call();
    best = std::min(best, std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

}  // namespace zebra::bench
