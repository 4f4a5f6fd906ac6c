#pragma once
// The learning rate over a run, as a factor of its peak.
#include <cstdint>
#include <string>

namespace zebra {

struct Schedule {
  std::string shape = "cosine";      // "cosine", "linear" or "wsd" (warm-up, stable, decay)
  double warmup = 0.03;              // part of the run
  double floor = 0;                  // factor at the last step
  double decay = 0.2;                // wsd: part of the run that decays
  std::string decay_shape = "sqrt";  // wsd: "linear", or "sqrt" = 1 - sqrt(x) (Hägele et al. 2024)

  void check() const;  // Error(usage) names the setting that is out of range
  // Step counts from 0; the first step already moves, the last one stands at the floor's side of the curve.
  double factor(int64_t step, int64_t steps) const;
};

}  // namespace zebra
