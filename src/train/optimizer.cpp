#include "train/optimizer.h"

#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/error.h"
#include "base/text.h"
#include "train/muon.h"

namespace zebra {

namespace {

// The gradient is written where we say: autograd adds to a gradient that exists.
at::Tensor leaf(const at::Tensor& value, const at::Tensor& grad) {
  at::Tensor out = value.detach();
  out.set_requires_grad(true);
  out.mutable_grad() = grad;
  return out;
}

// Groups: new (0..2) and inherited (3..5); of each the matrices that step as a whole, by Muon or SOAP, then what steps
// entry by entry, by AdamW: other matrices and vectors.
enum Kind { kWhole, kMatrix, kVector, kKinds };
constexpr int kGroups = 2 * kKinds;
constexpr double kMuonMomentum = 0.95;
constexpr int64_t kAlign = 16;  // entries: matrix products are slow on addresses that are not multiples of 16 bytes

int64_t aligned(int64_t offset) {
  return (offset + kAlign - 1) / kAlign * kAlign;
}

Kind kind_of(const Parameter& parameter, const at::Tensor& value, MatrixStep matrices) {
  if (value.dim() < 2) return kVector;
  return matrices != MatrixStep::adamw && is_whole_matrix(parameter.role) ? kWhole : kMatrix;
}

}  // namespace

bool is_whole_matrix(Role role) {
  return role == Role::matrix;
}

Optimizer::Optimizer(EachParameter each, const IsNew& is_new, OptimizerSettings settings)
    : each_(std::move(each)), settings_(settings) {
  c10::NoGradGuard no_grad;
  at::TensorOptions options;
  at::ScalarType low = at::kFloat;
  each_([&](const Parameter& parameter, at::Tensor& value) {
    const int group = (is_new(parameter.name) ? 0 : kKinds) + kind_of(parameter, value, settings_.matrices);
    slices_.push_back({parameter.name, value.sizes().vec(), 0, value.numel(), group});
    options = value.options();
    if (value.scalar_type() != at::kFloat) low = value.scalar_type();
  });
  if (slices_.empty()) fail(ErrorKind::runtime, "the optimizer was given no parameters");
  int64_t total = 0;
  for (int group = 0; group < kGroups; ++group) {
    bounds_[group] = total;
    if (group % kKinds == kWhole)
      total = place_batches(group, total);
    else
      for (auto& slice : slices_) {
        if (slice.group == group) slice.offset = total, total = aligned(total + slice.count);
      }
  }
  bounds_[kGroups] = total;
  weights_ = at::zeros({total}, options.dtype(at::kFloat).requires_grad(false));
  grad_ = at::zeros_like(weights_);
  m_ = at::zeros_like(weights_);
  v_ = at::zeros_like(weights_);
  if (settings_.matrices == MatrixStep::soap) {
    for (auto& batch : batches_) batch.soap = soap_state(part(weights_, batch));
  }

  if (low != at::kFloat) low_ = at::zeros_like(weights_, low), low_grad_ = at::zeros_like(low_);

  size_t index = 0;
  each_([&](const std::string&, at::Tensor& value) {
    const Slice& slice = slices_[index++];
    const bool is_low = value.scalar_type() != at::kFloat;
    part(weights_, slice).copy_(value);
    value = leaf(part(is_low ? low_ : weights_, slice), part(is_low ? low_grad_ : grad_, slice));
  });
  refresh_low();
}

int64_t Optimizer::place_batches(int group, int64_t offset) {
  std::map<std::vector<int64_t>, std::vector<Slice*>> by_shape;
  for (auto& slice : slices_) {
    if (slice.group == group) by_shape[slice.shape].push_back(&slice);
  }
  for (const auto& [shape, members] : by_shape) {
    int64_t entries = kWholeBatch;
    for (Slice* slice : members) {
      if (entries + slice->count > kWholeBatch) {
        batches_.push_back({.group = group, .names = {}, .shape = shape, .offset = offset, .soap = {}});
        entries = 0;
      }
      batches_.back().names.push_back(slice->name);
      entries += slice->count;
      slice->offset = offset, offset += slice->count;
    }
    offset = aligned(offset);
  }
  return offset;
}

at::Tensor Optimizer::part(const at::Tensor& flat, const Slice& slice) const {
  return flat.narrow(0, slice.offset, slice.count).view(slice.shape);
}

at::Tensor Optimizer::part(const at::Tensor& flat, const Batch& batch) const {
  const auto count = static_cast<int64_t>(batch.names.size());
  return flat.narrow(0, batch.offset, count * batch.shape[0] * batch.shape[1])
      .view({count, batch.shape[0], batch.shape[1]});
}

NamedTensors Optimizer::named(const at::Tensor& flat) const {
  NamedTensors out;
  for (const auto& slice : slices_) out.emplace_back(slice.name, part(flat, slice));
  return out;
}

NamedTensors Optimizer::bases() const {
  NamedTensors out;
  const auto add = [&](const Batch& batch, const SoapSide& side, const char* name) {
    if (!side.basis.defined()) return;
    for (size_t i = 0; i < batch.names.size(); ++i) {
      const auto row = static_cast<int64_t>(i);
      out.emplace_back(cat(batch.names[i], ".", name, "_covariance"), side.covariance.select(0, row));
      out.emplace_back(cat(batch.names[i], ".", name, "_basis"), side.basis.select(0, row));
    }
  };
  for (const auto& batch : batches_) {
    add(batch, batch.soap.left, "left");
    add(batch, batch.soap.right, "right");
  }
  return out;
}

void Optimizer::zero_grad() {
  grad_.zero_();
}

void Optimizer::collect_grad() {
  if (!low_grad_.defined()) return;
  c10::NoGradGuard no_grad;
  grad_.add_(low_grad_);
  low_grad_.zero_();
}

Optimizer::Step Optimizer::step(double loss, double factor) {
  c10::NoGradGuard no_grad;
  Step result;
  result.grad_norm = at::linalg_vector_norm(grad_, 2).item<double>();
  if (!std::isfinite(loss) || !std::isfinite(result.grad_norm)) {
    result.skipped = true;
    ++skipped_, ++skipped_in_a_row_;
    return result;
  }
  skipped_in_a_row_ = 0;
  ++updates_;
  ops::AdamWStep step{.lr = 0,
                      .beta1 = settings_.beta1,
                      .beta2 = settings_.beta2,
                      .eps = settings_.eps,
                      .weight_decay = 0,
                      .grad_scale = 1,
                      .step = updates_};
  if (settings_.clip > 0) step.grad_scale = std::min(1.0, settings_.clip / std::max(result.grad_norm, 1e-12));
  for (int group = 0; group < kGroups; ++group) {
    const int64_t begin = bounds_[group], count = bounds_[group + 1] - begin;
    if (count == 0) continue;
    step.lr = factor * (group < kKinds ? settings_.lr : settings_.lr_inherited);
    step.weight_decay = group % kKinds == kVector ? 0 : settings_.weight_decay;
    if (group % kKinds == kWhole) {
      for (const auto& batch : batches_) {
        if (batch.group == group) whole_step(batch, step);
      }
      continue;
    }
    ops::adamw(weights_.narrow(0, begin, count), grad_.narrow(0, begin, count), m_.narrow(0, begin, count),
               v_.narrow(0, begin, count), step);
  }
  refresh_low();
  return result;
}

void Optimizer::whole_step(const Batch& batch, const ops::AdamWStep& step) {
  const at::Tensor weight = part(weights_, batch), grad = part(grad_, batch), m = part(m_, batch);
  if (settings_.matrices == MatrixStep::soap) return soap_step(weight, grad, m, part(v_, batch), batch.soap, step);
  m.mul_(kMuonMomentum).add_(grad, step.grad_scale);
  const at::Tensor change = orthogonalise((grad * step.grad_scale).add_(m, kMuonMomentum));  // Nesterov
  // The factor gives entries the size that AdamW's have, 0.2 on average (Liu et al. 2025).
  const double size = 0.2 * std::sqrt(static_cast<double>(std::max(batch.shape[0], batch.shape[1])));
  weight.mul_(1 - step.lr * step.weight_decay).sub_(change, step.lr * size);
}

void Optimizer::refresh_low() {
  c10::NoGradGuard no_grad;
  if (low_.defined()) low_.copy_(weights_);
}

void Optimizer::restore(int64_t updates, int64_t skipped, int64_t skipped_in_a_row) {
  updates_ = updates, skipped_ = skipped, skipped_in_a_row_ = skipped_in_a_row;
  refresh_low();
}

void Optimizer::release() {
  size_t index = 0;
  each_([&](const std::string&, at::Tensor& value) { value = part(weights_, slices_[index++]); });
}

}  // namespace zebra
