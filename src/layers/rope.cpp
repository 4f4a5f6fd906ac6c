#include "layers/rope.h"

#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "ops/rope.h"

namespace zebra {

namespace {

constexpr double kPi = 3.14159265358979323846;

// theta^(2i/dim), the wavelength of pair i in units of 2 pi.
at::Tensor pair_periods(double theta, int64_t dim) {
  return at::pow(theta, at::arange(0, dim, 2, at::kLong).to(at::kFloat) / dim);
}

double yarn_mscale(double factor, double mscale) {
  return factor <= 1 ? 1.0 : 0.1 * mscale * std::log(factor) + 1.0;
}

int64_t original_length(const RopeConfig& config) {
  return config.original_max_position > 0 ? config.original_max_position : config.max_position;
}

at::Tensor llama3(const RopeConfig& config, const at::Tensor& frequency) {
  const double length = static_cast<double>(original_length(config));
  const at::Tensor wavelength = 2 * kPi / frequency;
  const at::Tensor slowed = frequency / config.factor;
  const double span = config.high_freq_factor - config.low_freq_factor;
  // Without a span nothing lies between: a step from the own frequencies to the slowed ones.
  const at::Tensor smooth = span > 0 ? (length / wavelength - config.low_freq_factor) / span : at::ones({});
  const at::Tensor between = (1 - smooth) * slowed + smooth * frequency;
  const at::Tensor long_wave = wavelength > length / config.low_freq_factor;
  const at::Tensor short_wave = wavelength < length / config.high_freq_factor;
  return at::where(long_wave, slowed, at::where(short_wave, frequency, between));
}

// The dimension whose wave makes `rotations` turns within the original length.
double yarn_dimension(const RopeConfig& config, int64_t dim, double rotations) {
  const double turns = static_cast<double>(original_length(config)) / (rotations * 2 * kPi);
  return static_cast<double>(dim) * std::log(turns) / (2 * std::log(config.theta));
}

// Between the dimensions `low` and `high` the frequencies pass from their own value to the interpolated one.
at::Tensor yarn(const RopeConfig& config, const at::Tensor& periods, int64_t dim) {
  double low = yarn_dimension(config, dim, config.beta_fast);
  double high = yarn_dimension(config, dim, config.beta_slow);
  if (config.truncate || config.yarn == RopeConfig::Yarn::deepseek) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, static_cast<double>(dim - 1));
  if (low == high) high += 0.001;
  const at::Tensor keep = 1 - ((at::arange(dim / 2, at::kFloat) - low) / (high - low)).clamp(0, 1);
  return 1 / (config.factor * periods) * (1 - keep) + 1 / periods * keep;
}

// A frequency theta^-x becomes dynamic_theta^-x.
double dynamic_theta(const RopeConfig& config, int64_t dim, int64_t length) {
  const double longest = static_cast<double>(std::max(length, config.max_position));
  const double growth = config.factor * longest / static_cast<double>(config.max_position) - (config.factor - 1);
  return config.theta * std::pow(growth, static_cast<double>(dim) / static_cast<double>(dim - 2));
}

bool grows_with_length(const RopeConfig& config) {
  return config.type == RopeConfig::Type::dynamic && (config.inv_freq.empty() || config.ntk_dim > 0);
}

at::Tensor frequency_tensor(const RopeConfig& config, int64_t dim, int64_t length) {
  if (!config.inv_freq.empty()) {
    if (static_cast<int64_t>(config.inv_freq.size()) != dim / 2) {
      fail_input("rope frequencies: expected ", dim / 2, " values for ", dim, " rotated dimensions, found ",
                 config.inv_freq.size());
    }
    const at::Tensor given = at::tensor(config.inv_freq, at::kDouble);
    if (!grows_with_length(config) || length <= config.max_position) return given.to(at::kFloat);
    const double growth = std::log(dynamic_theta(config, config.ntk_dim, length)) / std::log(config.theta);
    return given.pow(growth).to(at::kFloat);
  }
  using Type = RopeConfig::Type;
  if (config.type == Type::dynamic && dim > 2) return 1 / pair_periods(dynamic_theta(config, dim, length), dim);
  const at::Tensor periods = pair_periods(config.theta, dim);
  switch (config.type) {
    case Type::linear:
      return 1 / periods / config.factor;
    case Type::llama3:
      return llama3(config, 1 / periods);
    case Type::yarn:
      return yarn(config, periods, dim);
    default:
      return 1 / periods;
  }
}

std::pair<at::Tensor, at::Tensor> cos_sin(const RopeConfig& config, int64_t dim, const at::Tensor& positions,
                                          int64_t length) {
  const at::Tensor angle = positions.to(at::kFloat).unsqueeze(-1) * frequency_tensor(config, dim, length);
  const double factor = rope_attention_factor(config);
  return {angle.cos() * factor, angle.sin() * factor};
}

}  // namespace

std::vector<double> rope_frequencies(const RopeConfig& config, int64_t dim, int64_t length) {
  const at::Tensor frequency = frequency_tensor(config, dim, length).to(at::kDouble).contiguous();
  const double* values = frequency.const_data_ptr<double>();
  return {values, values + frequency.numel()};
}

double rope_attention_factor(const RopeConfig& config) {
  if (config.type != RopeConfig::Type::yarn) return 1;
  if (config.yarn == RopeConfig::Yarn::deepseek) {
    return yarn_mscale(config.factor, config.mscale) / yarn_mscale(config.factor, config.mscale_all_dim);
  }
  if (config.attention_factor) return *config.attention_factor;
  // transformers uses the pair of mscales only where both are given.
  if (config.mscale != 0 && config.mscale_all_dim != 0) {
    return yarn_mscale(config.factor, config.mscale) / yarn_mscale(config.factor, config.mscale_all_dim);
  }
  return yarn_mscale(config.factor, 1);
}

double rope_softmax_factor(const RopeConfig& config) {
  // AMD's code multiplies for every kind of scaling that names mscale_all_dim, not for YaRN alone.
  if (config.yarn != RopeConfig::Yarn::deepseek || config.type == RopeConfig::Type::standard) return 1;
  if (config.mscale_all_dim == 0) return 1;
  const double mscale = yarn_mscale(config.factor, config.mscale_all_dim);
  return mscale * mscale;
}

at::Tensor Rotation::operator()(const at::Tensor& x) const {
  return ops::rope(x, cos, sin, interleaved);
}

bool Rope::depends_on_length(int64_t length) const {
  return grows_with_length(config_) && length > config_.max_position;
}

std::pair<at::Tensor, at::Tensor> Rope::tables(int64_t length, at::Device device) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!cos_.defined() || cos_.size(0) < length || cos_.device() != device) {
    // Made as ordinary tensors even in inference mode: training may save them for its backward pass.
    const c10::InferenceMode ordinary(false);
    const c10::NoGradGuard no_grad;
    int64_t size = 64;
    while (size < length) size *= 2;
    const auto [cos, sin] = cos_sin(config_, dim_, at::arange(size, at::kLong), 0);
    cos_ = cos.to(device).contiguous();
    sin_ = sin.to(device).contiguous();
  }
  return {cos_, sin_};
}

void Rope::reserve(int64_t length, at::Device device) const {
  tables(depends_on_length(length) ? config_.max_position : length, device);
}

Rotation Rope::from_zero(int64_t length, at::Device device) const {
  if (depends_on_length(length)) return at(at::arange(length, at::kLong).to(device), length);
  const auto [cos, sin] = tables(length, device);
  return {cos.narrow(0, 0, length).unsqueeze(0), sin.narrow(0, 0, length).unsqueeze(0), interleaved()};
}

Rotation Rope::at(const at::Tensor& positions, int64_t length) const {
  if (depends_on_length(length)) {
    const auto [cos, sin] = cos_sin(config_, dim_, positions.to(at::kCPU), length);
    return {cos.to(positions.device()).unsqueeze(0), sin.to(positions.device()).unsqueeze(0), interleaved()};
  }
  const auto [cos, sin] = tables(length, positions.device());
  return {cos.index_select(0, positions).unsqueeze(0), sin.index_select(0, positions).unsqueeze(0), interleaved()};
}

std::shared_ptr<const Rope> Ropes::of(const RopeConfig& config, int64_t dim) {
  for (const auto& rope : all_) {
    if (rope->is(config, dim)) return rope;
  }
  return all_.emplace_back(std::make_shared<const Rope>(config, dim));
}

void Ropes::reserve(int64_t length, at::Device device) const {
  for (const auto& rope : all_) rope->reserve(length, device);
}

}  // namespace zebra
