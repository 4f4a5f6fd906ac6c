#include "upcycle/statistics.h"

#include "layers/rope.h"

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

void ReachObserver::see(const at::Tensor& u) {
  const auto sum = attention_.mixing(u).sum({0}, false, at::kDouble);
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
