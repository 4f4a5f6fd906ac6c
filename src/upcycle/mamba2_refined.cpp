#include "upcycle/mamba2_refined.h"

#include <cmath>

#include "ops/ssd.h"
#include "upcycle/linalg.h"
#include "upcycle/mamba2_reference.h"

namespace zebra {

namespace {

constexpr double kScale = 0.2;  // rms of x, B and C before SiLU, which is then near x / 2
// The convolution begins with a small tap and in_proj makes up for it: an optimizer's steps are of one size, so that
// this moves the filters five times as fast for their size as x, B and C. 0.2 trained better than 0.05, 0.1, 0.5 and 1.
constexpr double kTap = 0.2;
constexpr double kConstantB = 0.5;     // the constant channel of B after SiLU
constexpr double kConstantWeight = 2;  // of the 1 in 1 + s; 1 is the Gaussian optimum, 2 measured better
constexpr double kStep = 0.1;          // dt of every head and token
constexpr double kGate = 2;            // z of every channel and token
constexpr double kGateRidge = 1e-3, kMomentRidge = 1e-6, kFitRidge = 1e-3;
constexpr double kConstantFactors[] = {1, 0.25, 0.5, 2, 4};
constexpr double kMemory[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512};  // tokens until a state falls to 1 / e
constexpr double kShortestDistance = 8, kLongestDistance = 4096;

// x with x * sigmoid(x) = y, for y > 0.
double inverse_silu(double y) {
  double x = std::max(y, 0.01);
  for (int step = 0; step < 60; ++step) {
    const double s = 1 / (1 + std::exp(-x));
    x -= (x * s - y) / (s * (1 + x * (1 - s)));
  }
  return x;
}

at::Tensor inverse_silu(const at::Tensor& y) {
  auto values = y.to(at::kCPU).contiguous().clone();
  double* data = values.mutable_data_ptr<double>();
  for (int64_t i = 0; i < values.numel(); ++i) data[i] = inverse_silu(data[i]);
  return values.to(y.device());
}

// Root mean square of the outputs of rows [heads, n, E] per head: [heads, 1, 1].
at::Tensor output_rms(const at::Tensor& rows, const at::Tensor& second) {
  return (at::matmul(rows, second) * rows).sum({1, 2}, true).div(rows.size(1)).clamp_min(1e-30).sqrt();
}

// Rows of the convolution's channels and their biases.
struct Channels {
  at::Tensor x, b, c;                 // [K, P, E], [K, P, E], [H, P, E]
  at::Tensor bias_x, bias_b, bias_c;  // [K, P], [K, P], [H, P]
};

at::Tensor turned_queries(const TeacherAttention& teacher, const AttentionReach& reach, const Mamba2Ideas& ideas) {
  if (!ideas.phase && !ideas.rotation) return teacher.q;
  auto turn = reach.rotation;
  if (ideas.phase) turn = turn / turn.abs().clamp_min(1e-12);
  return from_complex_pairs(to_complex_pairs(teacher.q) * turn.conj().unsqueeze(-1));
}

// Rows with one zero row added at the end: [heads, P - 1, E] -> [heads, P, E].
at::Tensor with_empty_row(const at::Tensor& rows) {
  return at::constant_pad_nd(rows, {0, 0, 0, 1});
}

// Rows of B [K, n, E] and C [H, n, E] in the n directions of key space that matter most for scores: singular vectors
// of M^(1/2) S^(1/2), M the queries' second moment, S the keys' (centred: covariance).
std::pair<at::Tensor, at::Tensor> best_directions(const TeacherAttention& teacher, const at::Tensor& q,
                                                  const LayerStatistics& statistics, bool centred, int64_t count) {
  const int64_t kv_heads = teacher.config.kv_heads, dim = teacher.config.head_dim;
  const auto& second = statistics.second;
  const auto inputs = centred ? second - at::outer(statistics.mean, statistics.mean) : second;
  const auto covariance = at::matmul(at::matmul(teacher.k, inputs), teacher.k.transpose(1, 2));
  const auto root = symmetric_power(covariance, 0.5, kMomentRidge);
  const auto inverse_root = symmetric_power(covariance, -0.5, kMomentRidge);
  const auto moment =
      at::matmul(at::matmul(q, second), q.transpose(1, 2)).view({kv_heads, teacher.group(), dim, dim}).sum(1);
  const auto directions =
      top_eigenvectors(at::matmul(at::matmul(root, moment), root), count).transpose(1, 2);  // [K, n, P]
  const auto b = at::matmul(at::matmul(directions, inverse_root), teacher.k) * kScale;
  const auto to_c = at::matmul(directions, root).repeat_interleave(teacher.group(), 0);  // [H, n, P]
  return {b, at::matmul(to_c, q)};
}

// Channels small enough that SiLU is linear in them.
Channels linear_channels(const TeacherAttention& teacher, const LayerStatistics& statistics, const at::Tensor& q,
                         const Mamba2Ideas& ideas) {
  const int64_t heads = teacher.config.heads, kv_heads = teacher.config.kv_heads, dim = teacher.config.head_dim;
  const auto& second = statistics.second;
  auto [b, c] = best_directions(teacher, q, statistics, ideas.centred, ideas.constant ? dim - 1 : dim);
  auto scale_c = kScale / output_rms(c, second);  // [H, 1, 1]
  // B.C = (scale_c kScale / 4) q.k = (scale_c kScale sqrt(P) / 4) s: the constant must stand in that proportion.
  auto constant_c = scale_c * (kConstantWeight * kScale * std::sqrt(static_cast<double>(dim)) / 4 / kConstantB);
  if (ideas.constant) {
    const auto excess = constant_c.clamp_min(1);
    scale_c = scale_c / excess;
    constant_c = constant_c / excess;
  }
  c = c * scale_c;

  const auto x = teacher.v * (kScale / output_rms(teacher.v, second));
  const bool biased = teacher.inputs() > teacher.config.hidden;
  const auto last = [&](const at::Tensor& rows) {
    return biased ? rows.select(2, teacher.config.hidden) : at::zeros({rows.size(0), rows.size(1)}, rows.options());
  };
  Channels channels;
  channels.x = x, channels.b = b, channels.c = c;
  channels.bias_x = last(x);
  channels.bias_b = ideas.centred ? last(b) - at::matmul(b, statistics.mean) : last(b);
  channels.bias_c = last(c);
  if (ideas.constant) {  // it comes through the convolution's bias
    channels.b = with_empty_row(b), channels.c = with_empty_row(c);
    const double constant_b = inverse_silu(kConstantB);
    channels.bias_b = at::cat({channels.bias_b, at::full({kv_heads, 1}, constant_b, b.options())}, 1);
    channels.bias_c = at::cat({channels.bias_c, inverse_silu(constant_c).view({heads, 1})}, 1);
  }
  return channels;
}

// A row w with w.h near kGate for every input: a constant by ridge regression, since in_proj has no bias.
at::Tensor gate_row(const LayerStatistics& statistics, int64_t hidden) {
  const auto second = with_ridge(statistics.second.narrow(0, 0, hidden).narrow(1, 0, hidden), kGateRidge);
  const auto mean = statistics.mean.narrow(0, 0, hidden);
  const auto row = solve_positive(second, mean.unsqueeze(1)).squeeze(1);
  return row * (kGate / at::dot(mean, row).clamp_min(1e-6));
}

// Per head, what a linear map of the student's head output [T, H, P] leaves of the teacher's: [H], in float64.
at::Tensor unexplained(const at::Tensor& student, const at::Tensor& teacher) {
  const auto s = student.to(at::kDouble).transpose(0, 1), t = teacher.to(at::kDouble).transpose(0, 1);  // [H, T, P]
  const auto gram = with_ridge(at::matmul(s.transpose(1, 2), s), kFitRidge);
  const auto cross = at::matmul(s.transpose(1, 2), t);
  return (t * t).sum({1, 2}) - (cross * solve_positive(gram, cross)).sum({1, 2});
}

// Tries settings of every head on a sample: runs the recurrence with the channels that in_proj will have and asks how
// much of the teacher's head output a linear map of the student's explains.
class HeadSearch {
 public:
  HeadSearch(const Channels& channels, const at::Tensor& gate, const Mamba2Config& config, const HeadSample& sample,
             bool constant)
      : config_(config), sample_(sample), has_constant_(constant) {
    const int64_t last = config.head_dim - 1;
    x_ = run(channels.x, channels.bias_x), b_ = run(channels.b, channels.bias_b);
    linear_ = run(channels.c, channels.bias_c);
    constant_ = at::zeros_like(linear_);
    if (constant) {
      constant_.select(-1, last).copy_(linear_.select(-1, last));
      linear_.select(-1, last).zero_();
    }
    const auto type = sample.inputs.options();
    open_ = at::silu(at::linear(sample.inputs, gate.unsqueeze(0).to(type))).unsqueeze(-1);  // [B, L, 1, 1]
    dt_ = at::full({x_.size(0), x_.size(1), config.heads}, kStep, type);
    target_ = sample.heads.reshape({-1, config.heads, config.head_dim});
  }

  // Memory length, then weight of the constant relative to kConstantWeight: [H] each.
  std::pair<at::Tensor, at::Tensor> search() const {
    const auto one = at::ones({config_.heads}, target_.options().dtype(at::kDouble));
    const auto memory = best(kMemory, [&](double tokens) { return residual(one * tokens, one); });
    if (!has_constant_) return {memory, one};
    return {memory, best(kConstantFactors, [&](double factor) { return residual(memory, one * factor); })};
  }

 private:
  at::Tensor run(const at::Tensor& rows, const at::Tensor& bias) const {
    const auto type = sample_.inputs.options();
    const auto weight = rows.flatten(0, 1).narrow(1, 0, config_.hidden).to(type);
    const auto y = at::silu(at::linear(sample_.inputs, weight, bias.flatten().to(type)));
    return y.view({y.size(0), y.size(1), rows.size(0), config_.head_dim});
  }

  // [H] for memory [H] and factor [H] of the constant.
  at::Tensor residual(const at::Tensor& memory, const at::Tensor& factor) const {
    const auto decay = (-1 / (kStep * memory)).to(dt_.scalar_type());
    const auto c = linear_ + constant_ * factor.to(dt_.scalar_type()).view({1, 1, -1, 1});
    auto y = ops::ssd(x_, dt_, decay, b_, c, at::zeros_like(decay)) * open_;
    y = y * at::rsqrt(y.square().mean(-1, true) + config_.norm_eps);
    return unexplained(y.view(target_.sizes()), target_);
  }

  // Per head the value with the smallest residual.
  template <size_t N, class Try>
  static at::Tensor best(const double (&values)[N], const Try& attempt) {
    at::Tensor chosen, smallest;
    for (const double value : values) {
      const auto found = attempt(value);
      const auto here = at::full_like(found, value);
      chosen = chosen.defined() ? at::where(found < smallest, here, chosen) : here;
      smallest = smallest.defined() ? at::minimum(found, smallest) : found;
    }
    return chosen;
  }

  const Mamba2Config& config_;
  const HeadSample& sample_;
  bool has_constant_;
  at::Tensor x_, b_, linear_, constant_;  // [B, L, K or H, P]; C in two parts
  at::Tensor open_, dt_, target_;         // [B, L, 1, 1], [B, L, H], [B * L, H, P]
};

// in_proj's rows in their order.
struct InProjection {
  at::Tensor gate, x, b, c, step;
  at::Tensor joined() const { return at::cat({gate, x, b, c, step}); }
};

InProjection split_rows(const at::Tensor& weight, const Mamba2Config& config) {
  const auto parts =
      weight.split_with_sizes({config.d_inner(), config.d_xb(), config.d_xb(), config.d_inner(), config.heads});
  return {parts[0], parts[1], parts[2], parts[3], parts[4]};
}

// The convolution passes on the token itself; D adds nothing; the norm knows the teacher's scale.
void put_linear(MixerWeights& weights, InProjection& rows, const Channels& channels, const Mamba2Config& config,
                const HeadSample& sample) {
  const auto flat = [&](const at::Tensor& heads) { return heads.flatten(0, 1).narrow(1, 0, config.hidden) / kTap; };
  rows.x = flat(channels.x), rows.b = flat(channels.b), rows.c = flat(channels.c);
  // Heads that share x and B begin with the same convolution.
  const auto shared = [&](const at::Tensor& bias) {
    return (config.repeat_kv_before_conv ? bias.repeat_interleave(config.heads / config.kv_heads, 0) : bias).flatten();
  };
  const auto bias = at::cat({shared(channels.bias_x), shared(channels.bias_b), channels.bias_c.flatten()});
  auto taps = at::zeros({bias.size(0), config.conv_width}, bias.options());
  taps.select(1, config.conv_width - 1).fill_(kTap);
  weights["conv1d.weight"] = taps;
  weights["conv1d.bias"] = bias;
  weights["D"] = at::zeros({config.heads}, bias.options());
  weights["norm.weight"] = sample.heads.flatten(0, 1).to(at::kDouble).square().mean(0).sqrt();
}

// A head's state falls to 1 / e within `memory` tokens [H], whatever they are.
void put_memory(MixerWeights& weights, InProjection& rows, const at::Tensor& memory) {
  rows.step = at::zeros_like(rows.step);
  weights["A_log"] = (1 / (kStep * memory)).log();
  weights["dt_bias"] = inverse_softplus(at::full_like(memory, kStep));
}

}  // namespace

MixerWeights refined_mamba2(const TeacherAttention& teacher, const LayerStatistics& statistics,
                            const Mamba2Config& config, const HeadSample& sample, const Mamba2Ideas& ideas,
                            uint64_t seed, int64_t layer) {
  auto plain = teacher;
  plain.k = teacher.k.narrow(2, 0, config.hidden), plain.v = teacher.v.narrow(2, 0, config.hidden);
  const auto q = turned_queries(teacher, statistics.reach, ideas);
  plain.q = q.narrow(2, 0, config.hidden);
  auto weights = reference_mamba2(plain, config, seed, layer);
  auto rows = split_rows(weights.at("in_proj.weight"), config);

  const auto gate = ideas.gate ? gate_row(statistics, config.hidden) : at::Tensor();
  if (ideas.gate) rows.gate = gate.unsqueeze(0).expand({config.d_inner(), config.hidden});
  if (ideas.decay_distance) {
    put_memory(weights, rows, statistics.reach.distance.clamp(kShortestDistance, kLongestDistance));
  }
  if (ideas.linear) {
    auto channels = linear_channels(teacher, statistics, q, ideas);
    if (ideas.decay_search) {
      const auto [memory, factor] = HeadSearch(channels, gate, config, sample, ideas.constant).search();
      put_memory(weights, rows, memory);
      if (ideas.constant) {
        const auto constant = channels.bias_c.select(1, config.head_dim - 1);
        constant.copy_(inverse_silu(at::silu(constant) * factor));
      }
    }
    put_linear(weights, rows, channels, config, sample);
  }
  weights["in_proj.weight"] = rows.joined();
  return weights;
}

}  // namespace zebra
