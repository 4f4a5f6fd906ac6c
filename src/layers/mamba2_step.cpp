#include <algorithm>
#include <cmath>

#include "kernels/cpu.h"
#include "layers/mamba2.h"
#include "layers/step.h"

namespace zebra {

namespace {

float softplus(float x) {
  return x > 20 ? x : std::log1p(std::exp(x));
}

}  // namespace

bool Mamba2::can_step(const LayerMemory& memory) const {
  return step::is_plain(memory.slots[0]) && step::is_plain(memory.slots[1]) && step::is_plain(in_proj_) &&
         step::is_plain(out_proj_) && step::is_plain(conv1d_weight_) && step::is_plain(conv1d_bias_) &&
         step::is_plain(A_log_) && step::is_plain(D_) && step::is_plain(dt_bias_) && step::is_plain(norm_);
}

void Mamba2::conv_step(const float* xbc, float* out, float* past) const {
  const int64_t taps = config_.conv_width, width = config_.channels(), heads = config_.heads, dim = config_.head_dim;
  const float *weight = step::data(conv1d_weight_), *bias = step::data(conv1d_bias_);
  step::Floats repeated;
  if (config_.repeat_kv_before_conv) {
    const int64_t d_inner = config_.d_inner(), d_xb = config_.d_xb(), shared = heads / config_.kv_heads;
    repeated = step::floats(width);
    for (int64_t head = 0; head < heads; ++head) {
      std::copy_n(xbc + head / shared * dim, dim, repeated.get() + head * dim);
      std::copy_n(xbc + d_xb + head / shared * dim, dim, repeated.get() + d_inner + head * dim);
    }
    std::copy_n(xbc + 2 * d_xb, d_inner, repeated.get() + 2 * d_inner);
    xbc = repeated.get();
  }
  for (int64_t c = 0; c < width; ++c) {
    const float now = xbc[c];
    float sum = bias[c] + weight[c * taps + taps - 1] * now;
    for (int64_t t = 0; t + 1 < taps; ++t) {
      sum += weight[c * taps + t] * past[t * width + c];
      past[t * width + c] = t + 2 < taps ? past[(t + 1) * width + c] : now;
    }
    out[c] = sum / (1 + std::exp(-sum));
  }
}

void Mamba2::step(const float* u, float* y, LayerMemory& memory, int64_t row, int64_t /*position*/) const {
  const int64_t heads = config_.heads, dim = config_.head_dim, d_inner = config_.d_inner(), d_xb = config_.d_xb();
  const int64_t kv_heads = config_.repeat_kv_before_conv ? heads : config_.kv_heads, shared = heads / kv_heads;
  const step::Floats projected = step::floats(2 * d_inner + 2 * d_xb + heads), conv = step::floats(config_.channels());
  step::multiply(in_proj_, u, projected.get());  // z | x | B | C | dt
  conv_step(projected.get() + d_inner, conv.get(),
            step::data(memory.slots[0]) + row * (config_.conv_width - 1) * config_.channels());

  const float* raw_dt = projected.get() + 2 * d_inner + 2 * d_xb;
  const float *A_log = step::data(A_log_), *D = step::data(D_), *dt_bias = step::data(dt_bias_);
  const step::Floats mixed = step::floats(d_inner), normed = step::floats(d_inner);
  for (int64_t head = 0; head < heads; ++head) {
    const float* x = conv.get() + head / shared * dim;
    const float* b = conv.get() + (kv_heads + head / shared) * dim;
    const float* c = conv.get() + (2 * kv_heads + head) * dim;
    const float dt = softplus(raw_dt[head] + dt_bias[head]), decay = std::exp(-std::exp(A_log[head]) * dt);
    float* h = step::data(memory.slots[1]) + (row * heads + head) * dim * dim;  // [P, N]
    for (int64_t p = 0; p < dim; ++p) {
      const float in = dt * x[p];
      float* state = h + p * dim;
      for (int64_t n = 0; n < dim; ++n) state[n] = state[n] * decay + in * b[n];
    }
    step::multiply(h, nullptr, dim, dim, c, mixed.get() + head * dim);
    for (int64_t p = 0; p < dim; ++p) mixed[static_cast<size_t>(head * dim + p)] += D[head] * x[p];
  }
  kernels::cpu<float>().gated_group_norm({.width = d_inner,
                                          .group = dim,
                                          .eps = norm_.eps,
                                          .y = mixed.get(),
                                          .z = projected.get(),
                                          .weight = step::data(norm_.weight),
                                          .y_stride = d_inner,
                                          .z_stride = d_inner,
                                          .out = normed.get()},
                                         0, 1);
  step::multiply(out_proj_, normed.get(), y);
}

}  // namespace zebra
