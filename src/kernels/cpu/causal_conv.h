// Depthwise causal convolution with bias and SiLU.
#pragma once
#include "kernels/cpu/vec.h"
#include "kernels/params.h"
#include "kernels/scratch.h"

namespace zebra::kernels::ZEBRA_ISA {

// The input of position t (negative: before the start) of a row of the batch; null where it is zero.
template <class T>
ZEBRA_INLINE const T* conv_input(const CausalConv<T>& p, int64_t row, int64_t t) {
  if (t >= 0) return p.x + row * p.x_batch + t * p.x_stride;
  if (p.before == nullptr) return nullptr;
  return p.before + (row * (p.taps - 1) + t + p.taps - 1) * p.width;
}

constexpr int64_t kMaxTaps = 16;

// What the SiLU is applied to, for position t: each(i, put, sums of lanes i..).
template <class T, class Each>
ZEBRA_INLINE void conv_sums(const CausalConv<T>& p, int64_t row, int64_t t, Each&& each) {
  const T* inputs[kMaxTaps];
  const T* weights[kMaxTaps];
  int64_t count = 0;
  for (int64_t tap = 0; tap < p.taps; ++tap) {
    const T* input = conv_input(p, row, t - p.taps + 1 + tap);
    if (input == nullptr) continue;
    inputs[count] = input;
    weights[count++] = p.weight + tap * p.width;
  }
  if (count == 4) {
    for_row<T>(p.width, [&](int64_t i, auto get, auto put) {
      const Vec<T> early = get(inputs[0] + i) * get(weights[0] + i) + get(inputs[1] + i) * get(weights[1] + i);
      const Vec<T> late = get(inputs[2] + i) * get(weights[2] + i) + get(inputs[3] + i) * get(weights[3] + i);
      each(i, get, put, get(p.bias + i) + (early + late));
    });
    return;
  }
  for_row<T>(p.width, [&](int64_t i, auto get, auto put) {
    Vec<T> sum = get(p.bias + i);
    for (int64_t tap = 0; tap < count; ++tap) sum += get(inputs[tap] + i) * get(weights[tap] + i);
    each(i, get, put, sum);
  });
}

template <class T>
void causal_conv(const CausalConv<T>& p, int64_t begin, int64_t end) {
  for (int64_t item = begin; item < end; ++item) {
    const int64_t row = item / p.blocks, first = item % p.blocks * p.block;
    for (int64_t t = first; t < min(p.length, first + p.block); ++t) {
      T* out = p.out + (row * p.length + t) * p.width;
      conv_sums(p, row, t, [&](int64_t i, auto, auto put, Vec<T> sum) { put(out + i, sum * sigmoid<T>(sum)); });
    }
  }
}

template <class T>
void causal_conv_grad(const CausalConvGrad<T>& g, int64_t begin, int64_t end) {
  const CausalConv<T>& p = g.forward;
  const int64_t halo = p.taps - 1;
  T* scratch = thread_scratch<T>((p.block + halo) * p.width);
  for (int64_t item = begin; item < end; ++item) {
    const int64_t row = item / p.blocks, first = item % p.blocks * p.block;
    const int64_t last = min(p.length, first + p.block), seen = min(p.length, last + halo);
    T* d_weight = g.d_weight + item * (p.taps + 1) * p.width;
    T* d_bias = d_weight + p.taps * p.width;
    for (int64_t i = 0; i < (p.taps + 1) * p.width; ++i) d_weight[i] = 0;
    for (int64_t t = first; t < seen; ++t) {
      const T* d_out = g.d_out + row * g.d_out_batch + t * g.d_out_stride;
      T* d_sum = scratch + (t - first) * p.width;
      conv_sums(p, row, t, [&](int64_t i, auto get, auto put, Vec<T> sum) {
        const Vec<T> open = sigmoid<T>(sum);
        put(d_sum + i, get(d_out + i) * (open + sum * open * (T(1) - open)));
      });
      if (t >= last) continue;  // the next block counts it
      for_row<T>(p.width, [&](int64_t i, auto get, auto put) { put(d_bias + i, get(d_bias + i) + get(d_sum + i)); });
      for (int64_t tap = 0; tap < p.taps; ++tap) {
        const T* input = conv_input(p, row, t - halo + tap);
        T* sum = d_weight + tap * p.width;
        if (input == nullptr) continue;
        for_row<T>(p.width, [&](int64_t i, auto get, auto put) {
          put(sum + i, get(sum + i) + get(d_sum + i) * get(input + i));
        });
      }
    }
    // Position t reaches the sums of t .. t + halo; those before the start are the gradient of `before`.
    const int64_t from = first == 0 && g.d_before != nullptr ? -halo : first;
    for (int64_t t = from; t < last; ++t) {
      T* dx = t >= 0 ? g.dx + (row * p.length + t) * p.width : g.d_before + (row * halo + t + halo) * p.width;
      const int64_t reach_from = max(first, t), reach = min(seen, t + p.taps);
      for_row<T>(p.width, [&](int64_t i, auto get, auto put) {
        Vec<T> sum{};
        for (int64_t at = reach_from; at < reach; ++at) {
          sum += get(scratch + (at - first) * p.width + i) * get(p.weight + (halo - (at - t)) * p.width + i);
        }
        put(dx + i, sum);
      });
    }
  }
}

}  // namespace zebra::kernels::ZEBRA_ISA
