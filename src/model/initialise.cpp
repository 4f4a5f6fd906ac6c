// Random values for parameters that are not loaded. Every number is a pure function of (seed, parameter, index), so the
// result does not depend on threads.
#include <ATen/Parallel.h>

#include <cmath>

#include "base/rng.h"
#include "model/checkpoint.h"

namespace zebra {

namespace {

constexpr int64_t kWordsPerNumber = 4;              // an upper bound of what one number draws (base/rng.h)
constexpr double kStepMin = 1e-3, kStepMax = 1e-1;  // softplus(dt_bias), as Mamba2 is usually initialised
constexpr double kDecayMin = 1, kDecayMax = 16;     // exp(A_log)

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

void initialise_parameter(Role role, at::Tensor& value, uint64_t seed, uint64_t stream, double std) {
  const at::NoGradGuard no_grad;
  switch (role) {
    case Role::norm:
    case Role::skip:
      value.fill_(1);
      return;
    case Role::decay:
      return fill(value, seed, stream,
                  [](Rng& rng) { return std::log(kDecayMin + (kDecayMax - kDecayMin) * rng.uniform()); });
    case Role::step:
      return fill(value, seed, stream, [](Rng& rng) {
        const double step = kStepMin * std::pow(kStepMax / kStepMin, rng.uniform());
        return step + std::log(-std::expm1(-step));  // the inverse of softplus
      });
    case Role::filter: {
      const double bound = 1 / std::sqrt(value.dim() == 3 ? static_cast<double>(value.size(2)) : 4.0);
      return fill(value, seed, stream, [=](Rng& rng) { return bound * (2 * rng.uniform() - 1); });
    }
    case Role::bias:
      value.zero_();
      return;
    case Role::embedding:
    case Role::head:
    case Role::matrix:
      return fill(value, seed, stream, [=](Rng& rng) { return std * rng.normal(); });
  }
}

void initialise_random(Model& model, uint64_t seed, double std) {
  uint64_t stream = 0;
  model.parameters([&](const Parameter& parameter, at::Tensor& value) {
    initialise_parameter(parameter.role, value, seed, stream++, std);
  });
}

}  // namespace zebra
