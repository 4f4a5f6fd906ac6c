#include "upcycle/statistics.h"

#include <cmath>
#include <limits>

#include "layers/rope.h"
#include "ops/rms_norm.h"
#include "upcycle/mixer_weights.h"

namespace zebra {

namespace {

// Above this width one float64 product per batch would take longer than the layer itself; the products of a batch
// are then rounded to float32 and only their sums are float64.
constexpr int64_t kWideInput = 1024;

}  // namespace

void InputMoments::see(const at::Tensor& u) {
  auto rows = u.reshape({-1, u.size(-1)});
  if (u.size(-1) < kWideInput) rows = rows.to(at::kDouble);
  const auto products = at::mm(rows.t(), rows).to(at::kDouble);
  const auto sum = rows.sum({0}, false, at::kDouble);
  products_ = products_.defined() ? products_ + products : products;
  sum_ = sum_.defined() ? sum_ + sum : sum;
  count_ += static_cast<double>(rows.size(0));
}

at::Tensor InputMoments::second(bool augmented) const {
  const auto second = products_ / count_;
  if (!augmented) return second;
  const auto column = mean(false).unsqueeze(1);
  return at::cat({at::cat({second, column}, 1), at::cat({column.t(), at::ones({1, 1}, column.options())}, 1)}, 0);
}

at::Tensor InputMoments::mean(bool augmented) const {
  const auto mean = sum_ / count_;
  return augmented ? at::cat({mean, at::ones({1}, mean.options())}) : mean;
}

ReachObserver::ReachObserver(Mixer& attention, const AttentionConfig& config) : config_(config) {
  const auto weights = weights_of(attention);
  const auto get = [&](const std::string& name) {
    const auto found = weights.find(name);
    return found == weights.end() ? at::Tensor() : found->second;
  };
  q_proj_ = {get("q_proj.weight"), get("q_proj.bias")};
  k_proj_ = {get("k_proj.weight"), get("k_proj.bias")};
  q_norm_ = get("q_norm.weight"), k_norm_ = get("k_norm.weight");
}

void ReachObserver::see(const at::Tensor& u) {
  const int64_t batch = u.size(0), length = u.size(1), group = config_.heads / config_.kv_heads;
  const Rope rope(config_.rope, config_.head_dim);
  const auto rotate = rope.rotation(Positions(batch, length, Span{}, nullptr), u.device());
  const auto heads = [&](const Linear& projection, const at::Tensor& norm, int64_t count) {
    auto rows = projection(u).view({batch, length, count, config_.head_dim});
    if (norm.defined()) rows = ops::rms_norm(rows, norm, config_.norm_eps);
    return rotate(rows).transpose(1, 2);  // [B, heads, L, P]
  };
  const auto q = heads(q_proj_, q_norm_, config_.heads);
  const auto k = heads(k_proj_, k_norm_, config_.kv_heads).repeat_interleave(group, 1);
  const auto steps = at::arange(length, u.options().dtype(at::kLong));
  const auto distance = steps.unsqueeze(1) - steps;
  auto hidden = distance < 0;
  if (config_.sliding_window > 0) hidden = hidden.logical_or(distance >= config_.sliding_window);
  const double scale = 1 / std::sqrt(static_cast<double>(config_.head_dim));
  auto scores = at::matmul(q, k.transpose(-2, -1)).mul_(scale);
  scores.masked_fill_(hidden, -std::numeric_limits<double>::infinity());
  const auto sum = at::softmax(scores, -1).sum({0}, false, at::kDouble);
  probabilities_ = probabilities_.defined() ? probabilities_ + sum : sum;
}

AttentionReach ReachObserver::finish() const {
  const int64_t length = probabilities_.size(1);
  const auto steps = at::arange(length, probabilities_.options().dtype(at::kLong));
  const auto distance = (steps.unsqueeze(1) - steps).clamp_min(0).flatten();
  auto histogram = at::zeros({config_.heads, length}, probabilities_.options());
  histogram.index_add_(1, distance, probabilities_.flatten(1));
  histogram /= histogram.sum(1, true);
  const auto frequencies =
      at::tensor(rope_frequencies(config_.rope, config_.head_dim), at::kDouble).to(probabilities_.device());
  const auto angle = steps.to(at::kDouble).unsqueeze(1) * frequencies;  // [L, P / 2]
  return {at::complex(at::matmul(histogram, angle.cos()), -at::matmul(histogram, angle.sin())),
          at::matmul(histogram, steps.to(at::kDouble))};
}

}  // namespace zebra
