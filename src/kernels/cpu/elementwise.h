// SwiGLU and rotary embedding.
#pragma once
#include "kernels/cpu/vec.h"
#include "kernels/params.h"

namespace zebra::kernels::ZEBRA_ISA {

template <class T>
void swiglu(const Swiglu<T>& p, int64_t begin, int64_t end) {
  for_row<T>(end - begin, [&](int64_t i, auto get, auto put) {
    const Vec<T> gate = get(p.gate + begin + i);
    put(p.y + begin + i, gate * sigmoid<T>(gate) * get(p.up + begin + i));
  });
}

template <class T>
void swiglu_grad(const SwigluGrad<T>& p, int64_t begin, int64_t end) {
  for_row<T>(end - begin, [&](int64_t i, auto get, auto put) {
    const int64_t at = begin + i;
    const Vec<T> gate = get(p.gate + at), open = sigmoid<T>(gate), silu = gate * open, dy = get(p.dy + at);
    put(p.d_up + at, dy * silu);
    put(p.d_gate + at, dy * get(p.up + at) * (open + silu * (T(1) - open)));
  });
}

template <class T>
void rope(const Rope<T>& p, int64_t begin, int64_t end) {
  const int64_t kept = p.width - 2 * p.half;
  const int64_t next = p.interleaved ? 2 : 1, partner = p.interleaved ? 1 : p.half;
  for (int64_t token = begin; token < end; ++token) {
    const int64_t row = token / p.length, t = token % p.length;
    const float* cos = p.cos + row * p.table_batch + t * p.half;
    const float* sin = p.sin + row * p.table_batch + t * p.half;
    for (int64_t head = 0; head < p.heads; ++head) {
      const T* x = p.x + row * p.x_batch + t * p.x_token + head * p.x_head;
      T* y = p.y + (token * p.heads + head) * p.width;
      for (int64_t i = 0; i < kept; ++i) y[i] = x[i];
      for (int64_t i = 0; i < p.half; ++i) {
        const int64_t at = kept + i * next;
        const T a = x[at], b = x[at + partner], c = T(cos[i]), s = T(sin[i]) * T(p.direction);
        y[at] = a * c - b * s;
        y[at + partner] = a * s + b * c;
      }
    }
  }
}

}  // namespace zebra::kernels::ZEBRA_ISA
