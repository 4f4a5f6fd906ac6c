// Causal softmax attention of a single query token per row of the batch, for few heads per key head: what decoding
// does. Lanes are channels of a head here, since there are too few query rows to fill them.
#pragma once
#include "kernels/cpu/row_products.h"
#include "kernels/params.h"
#include "kernels/scratch.h"

namespace zebra::kernels::ZEBRA_ISA {

// scores [room] become softmax weights; what lies behind n is 0.
template <class T>
void softmax_row(T* scores, int64_t n, int64_t room) {
  const Vec<T> never = all(T(-1e30));
  Vec<T> top = never, total{};
  for (int64_t j = n; j < room; ++j) scores[j] = never[0];
  for (int64_t j = 0; j < room; j += kLanes<T>) top = max_lanes<T>(load(scores + j), top);
  T best = top[0];
  for (int i = 1; i < kLanes<T>; ++i) best = top[i] > best ? top[i] : best;
  for (int64_t j = 0; j < room; j += kLanes<T>) {
    const Vec<T> weight = exp_lanes(load(scores + j) - best);
    total += weight;
    store(scores + j, weight);
  }
  const T share = T(1) / sum_lanes<T>(total);
  for (int64_t j = 0; j < room; j += kLanes<T>) store(scores + j, load(scores + j) * share);
}

// to [dim] += sum over j < n of weights[j] * values[j].
template <class T>
void add_values(T* to, const T* weights, const T* values, int64_t stride, int64_t n, int64_t dim) {
  for_row<T>(dim, [&](int64_t i, auto get, auto put) {
    const T* column = values + i;
    Vec<T> s0 = get(to + i), s1{}, s2{}, s3{};
    int64_t j = 0;
    for (; j + 4 <= n; j += 4) {
      const T* row = column + j * stride;
      s0 += get(row) * weights[j];
      s1 += get(row + stride) * weights[j + 1];
      s2 += get(row + 2 * stride) * weights[j + 2];
      s3 += get(row + 3 * stride) * weights[j + 3];
    }
    for (; j < n; ++j) s0 += get(column + j * stride) * weights[j];
    put(to + i, (s0 + s1) + (s2 + s3));
  });
}

template <class T>
void attention_one(const Attention<T>& p, int64_t begin, int64_t end) {
  constexpr int64_t kValueBlock = 32;  // values that stay near while all heads of the group read them
  const int64_t group = p.heads / p.kv_heads;
  T* scores = thread_scratch<T>(group * (p.keys + kLanes<T>));
  const T scale = T(p.scale);
  for (int64_t item = begin; item < end; ++item) {
    const int64_t b = item / p.kv_heads, h = item % p.kv_heads;
    const int64_t keys = p.row_keys != nullptr ? p.row_keys[b] : p.keys;
    const int64_t first = p.window > 0 ? max(0, keys - p.window) : 0, n = keys - first;
    const int64_t room = (n + kLanes<T> - 1) / kLanes<T> * kLanes<T>;
    const T* q = p.q + b * p.q_batch + h * group * p.q_head;
    const T* k = p.k + b * p.k_batch + first * p.k_token + h * p.k_head;
    const T* v = p.v + b * p.v_batch + first * p.v_token + h * p.v_head;
    T* out = p.out + (b * p.heads + h * group) * p.dim_v;
    int64_t j = 0;
    for (; j + kLanes<T> <= n; j += kLanes<T>) {
      for (int64_t g = 0; g < group; ++g) {
        store(scores + g * room + j, row_products(k + j * p.k_token, p.k_token, q + g * p.q_head, p.dim_k) * scale);
      }
    }
    for (int64_t g = 0; j < n && g < group; ++g) {
      store(scores + g * room + j,
            some_row_products(k + j * p.k_token, p.k_token, n - j, q + g * p.q_head, p.dim_k) * scale);
    }
    for (int64_t g = 0; g < group; ++g) softmax_row(scores + g * room, n, room);
    for (int64_t i = 0; i < group * p.dim_v; ++i) out[i] = 0;
    for (j = 0; j < n; j += kValueBlock) {
      for (int64_t g = 0; g < group; ++g) {
        add_values(out + g * p.dim_v, scores + g * room + j, v + j * p.v_token, p.v_token, min(kValueBlock, n - j),
                   p.dim_v);
      }
    }
  }
}

}  // namespace zebra::kernels::ZEBRA_ISA
