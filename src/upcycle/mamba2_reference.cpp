#include "upcycle/mamba2_reference.h"

#include <cmath>

#include "base/rng.h"

namespace zebra {

namespace {

constexpr double kSmallestStep = 1e-3, kLargestStep = 0.1, kStepFloor = 1e-4;
constexpr double kSmallestA = 1, kLargestA = 16;

class Uniform {
 public:
  Uniform(uint64_t seed, int64_t layer) : rng_(seed, static_cast<uint64_t>(layer)) {}
  at::Tensor operator()(at::IntArrayRef shape, double low, double high) {
    auto values = at::empty(shape, at::kDouble);
    double* data = values.mutable_data_ptr<double>();
    for (int64_t i = 0; i < values.numel(); ++i) data[i] = low + (high - low) * rng_.uniform();
    return values;
  }

 private:
  Rng rng_;
};

}  // namespace

at::Tensor inverse_softplus(const at::Tensor& dt) {
  return dt + (-at::expm1(-dt)).log();
}

MixerWeights reference_mamba2(const TeacherAttention& teacher, const Mamba2Config& config, uint64_t seed,
                              int64_t layer) {
  Uniform uniform(seed, layer);
  const int64_t channels = config.d_inner() + 2 * (config.repeat_kv_before_conv ? config.d_inner() : config.d_xb());
  // The defaults of a linear layer and of a depthwise convolution.
  const double linear = 1 / std::sqrt(static_cast<double>(config.hidden));
  const double conv = 1 / std::sqrt(static_cast<double>(config.conv_width));
  const auto gate = uniform({config.d_inner(), config.hidden}, -linear, linear);
  const auto step = uniform({config.heads, config.hidden}, -linear, linear);

  MixerWeights weights;
  const auto device = teacher.q.device();
  weights["in_proj.weight"] = at::cat(
      {gate.to(device), teacher.v.flatten(0, 1), teacher.k.flatten(0, 1), teacher.q.flatten(0, 1), step.to(device)});
  weights["conv1d.weight"] = uniform({channels, config.conv_width}, -conv, conv);
  weights["conv1d.bias"] = uniform({channels}, -conv, conv);
  weights["A_log"] = uniform({config.heads}, kSmallestA, kLargestA).log();
  weights["D"] = at::ones({config.heads}, at::kDouble);
  const auto dt = uniform({config.heads}, std::log(kSmallestStep), std::log(kLargestStep)).exp();
  weights["dt_bias"] = inverse_softplus(dt.clamp_min(kStepFloor));
  weights["norm.weight"] = at::ones({config.d_inner()}, at::kDouble);
  weights["out_proj.weight"] = teacher.o;
  return weights;
}

}  // namespace zebra
