// Random values for parameters that are not loaded. Every number is a pure function of (seed, parameter, index), so the
// result does not depend on threads.
#include <ATen/Parallel.h>

#include <cmath>
#include <string_view>

#include "base/rng.h"
#include "model/checkpoint.h"

namespace zebra {

namespace {

constexpr int64_t kWordsPerNumber = 4;              // an upper bound of what one number draws (base/rng.h)
constexpr double kStepMin = 1e-3, kStepMax = 1e-1;  // softplus(dt_bias), as Mamba2 is usually initialised
constexpr double kDecayMin = 1, kDecayMax = 16;     // exp(A_log)

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

using Draw = std::function<double(Rng&)>;

void fill(at::Tensor& value, uint64_t seed, uint64_t stream, const Draw& draw) {
  at::Tensor numbers = at::empty(value.sizes(), at::kFloat);
  float* out = numbers.mutable_data_ptr<float>();
  at::parallel_for(0, numbers.numel(), 4096, [&](int64_t begin, int64_t end) {
    Rng rng(seed, stream);
    for (int64_t i = begin; i < end; ++i) {
      rng.seek(static_cast<uint64_t>(i * kWordsPerNumber));
      out[i] = static_cast<float>(draw(rng));
    }
  });
  const at::NoGradGuard no_grad;
  value.copy_(numbers);
}

}  // namespace

void initialise_parameter(const std::string& name, at::Tensor& value, uint64_t seed, uint64_t stream, double std) {
  const at::NoGradGuard no_grad;
  if (ends_with(name, "norm.weight") || ends_with(name, ".D")) {
    value.fill_(1);
  } else if (ends_with(name, ".A_log")) {
    fill(value, seed, stream, [](Rng& rng) { return std::log(kDecayMin + (kDecayMax - kDecayMin) * rng.uniform()); });
  } else if (ends_with(name, ".dt_bias")) {
    fill(value, seed, stream, [](Rng& rng) {
      const double step = kStepMin * std::pow(kStepMax / kStepMin, rng.uniform());
      return step + std::log(-std::expm1(-step));  // the inverse of softplus
    });
  } else if (ends_with(name, "conv1d.weight") || ends_with(name, "conv1d.bias")) {
    const double bound = 1 / std::sqrt(value.dim() == 3 ? static_cast<double>(value.size(2)) : 4.0);
    fill(value, seed, stream, [=](Rng& rng) { return bound * (2 * rng.uniform() - 1); });
  } else if (ends_with(name, ".bias")) {
    value.zero_();
  } else {
    fill(value, seed, stream, [=](Rng& rng) { return std * rng.normal(); });
  }
}

void initialise_random(Model& model, uint64_t seed, double std) {
  uint64_t stream = 0;
  model.parameters(
      [&](const std::string& name, at::Tensor& value) { initialise_parameter(name, value, seed, stream++, std); });
}

}  // namespace zebra
