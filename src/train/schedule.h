#pragma once
// The learning rate over a run, as a factor of its peak.
#include <cstdint>
#include <string>

namespace zebra {

struct Schedule {
  std::string shape = "cosine";      // "cosine", "linear" or "wsd" (warm-up, stable, decay)
  double warmup = 0.03;              // part of the run, but see warmup_steps(); 0 = none
  double floor = 0;                  // factor at the last step
  double decay = 0.2;                // wsd: part of the run that decays
  std::string decay_shape = "sqrt";  // wsd: "linear", or "sqrt" = 1 - sqrt(x) (Hägele et al. 2024)

  // Steps that a warm-up takes at least, where half of the run has so many.
  static constexpr int64_t kLeastWarmup = 20;

  void check() const;  // Error(usage) names the setting that is out of range
  // Step counts from 0; the first step already moves, the last one stands at the floor's side of the curve.
  double factor(int64_t step, int64_t steps) const;
  int64_t warmup_steps(int64_t steps) const;
  // The part of the peak that a rise of a kLeastWarmup-th a step comes to: below 1 where the warm-up is cut short.
  double reached(int64_t steps) const;
};

}  // namespace zebra
