#include "train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"

namespace zebra {

void Schedule::check() const {
  if (shape != "cosine" && shape != "linear" && shape != "wsd") {
    fail_usage("schedule: expected cosine, linear or wsd, found \"", shape, "\"");
  }
  if (decay_shape != "linear" && decay_shape != "sqrt") {
    fail_usage("decay_shape: expected linear or sqrt, found \"", decay_shape, "\"");
  }
  const auto part = [](const char* name, double value) {
    if (!(value >= 0 && value <= 1)) fail_usage(name, ": expected a part of the run from 0 to 1, found ", value);
  };
  part("warmup", warmup);
  part("decay", decay);
  part("lr_floor", floor);
}

int64_t Schedule::warmup_steps(int64_t steps) const {
  if (warmup == 0) return 0;
  return std::max<int64_t>(std::llround(warmup * static_cast<double>(steps)), std::min(kLeastWarmup, steps / 2));
}

double Schedule::reached(int64_t steps) const {
  if (warmup == 0) return 1;
  const auto rise = static_cast<double>(std::max<int64_t>(1, warmup_steps(steps)));
  return std::min(1.0, rise / static_cast<double>(kLeastWarmup));
}

double Schedule::factor(int64_t step, int64_t steps) const {
  const auto warm = static_cast<double>(warmup_steps(steps));
  const double done = static_cast<double>(step), total = static_cast<double>(steps);
  if (done < warm) return (done + 1) / warm;
  const auto part = [&](double begin) { return std::clamp((done - begin) / std::max(1.0, total - begin), 0.0, 1.0); };
  double high = 1;
  if (shape == "cosine") {
    high = 0.5 * (1 + std::cos(std::numbers::pi * part(warm)));
  } else if (shape == "linear") {
    high = 1 - part(warm);
  } else {
    const double x = part(std::max(warm, std::round((1 - decay) * total)));
    high = decay_shape == "linear" ? 1 - x : 1 - std::sqrt(x);
  }
  return floor + (1 - floor) * high;
}

}  // namespace zebra
