// Causal softmax attention without a score matrix: query rows stand in the lanes, keys and values are broadcast, so
// that scores, softmax and sums never cross lanes. The gradient recomputes the scores from the saved logarithm of the
// softmax sums.
#pragma once
#include "kernels/cpu/attention_one.h"
#include "kernels/cpu/vec.h"
#include "kernels/params.h"
#include "kernels/scratch.h"

namespace zebra::kernels::ZEBRA_ISA {

constexpr int64_t kKeyBlock = 32;
constexpr int kTiles = 2;  // vectors of query rows that share a load of a key

template <class T>
constexpr int64_t kRowBlock = kTiles * kLanes<T>;

template <class T>
ZEBRA_INLINE int64_t row_blocks(const Attention<T>& p) {
  const int64_t rows = p.length * (p.heads / p.kv_heads);
  return (rows + kRowBlock<T> - 1) / kRowBlock<T>;
}

// The query rows of one block of one kv head.
template <class T>
struct RowBlock {
  int64_t first, count;  // rows
  int64_t group, offset, window;
  int64_t key_begin, key_end;    // keys that some row sees
  int64_t free_begin, free_end;  // keys that every row sees
  Vec<T> position[kTiles];

  RowBlock(const Attention<T>& p, int64_t batch, int64_t block) {
    group = p.heads / p.kv_heads;
    offset = (p.row_keys != nullptr ? p.row_keys[batch] : p.keys) - p.length;
    window = p.window;
    first = block * kRowBlock<T>;
    count = min(kRowBlock<T>, p.length * group - first);
    const int64_t low = at(0), high = at(count - 1);
    key_end = high + 1;
    key_begin = window > 0 ? max(0, low - window + 1) : 0;
    free_end = low + 1;
    free_begin = window > 0 ? max(0, high - window + 1) : 0;
    for (int tile = 0; tile < kTiles; ++tile) {
      for (int lane = 0; lane < kLanes<T>; ++lane) {
        position[tile][lane] = T(at(min(tile * kLanes<T> + lane, count - 1)));
      }
    }
  }
  int64_t token(int64_t row) const { return (first + row) / group; }
  int64_t head(int64_t row, int64_t kv_head) const { return kv_head * group + (first + row) % group; }
  int64_t at(int64_t row) const { return offset + token(row); }

  // Scores of keys [key, key + n) with what a row does not see at -infinity; scores [tile][kKeyBlock] vectors.
  void mask(Vec<T>* scores, int64_t key, int64_t n) const {
    if (key >= free_begin && key + n <= free_end) return;
    const Vec<T> never = all(T(-__builtin_inf()));
    for (int tile = 0; tile < kTiles; ++tile) {
      for (int64_t j = 0; j < n; ++j) {
        Vec<T>& score = scores[tile * kKeyBlock + j];
        const T s = T(key + j);
        score = s > position[tile] ? never : score;
        if (window > 0) score = s <= position[tile] - T(window) ? never : score;
      }
    }
  }
};

constexpr double kLog2E = 1.4426950408889634;

// lanes [kTiles][dim] vectors = the block's rows of `from` times `scale`; rows behind the end are 0.
template <class T>
void to_lanes(Vec<T>* lanes, const T* from, int64_t token_stride, int64_t head_stride, const RowBlock<T>& rows,
              int64_t kv_head, int64_t dim, T scale) {
  constexpr int n = kLanes<T>;
  for (int tile = 0; tile < kTiles; ++tile) {
    const T* source[n];
    for (int i = 0; i < n; ++i) {
      const int64_t row = tile * n + i;
      const bool real = row < rows.count;
      source[i] = real ? from + rows.token(row) * token_stride + rows.head(row, kv_head) * head_stride : nullptr;
    }
    for (int64_t d = 0; d < dim; d += n) {
      Vec<T> values[n];
      const int64_t count = min(n, dim - d);
      for (int i = 0; i < n; ++i) {
        values[i] = source[i] == nullptr ? Vec<T>{}
                    : count == n         ? load(source[i] + d)
                                         : load_some(source[i] + d, count);
      }
      transpose<T>(values);
      for (int64_t i = 0; i < count; ++i) lanes[tile * dim + d + i] = values[i] * scale;
    }
  }
}

// Calls put(row, d, values, count) for the vectors of every row of lanes [kTiles][dim].
template <class T, class Put>
ZEBRA_INLINE void each_row(const Vec<T>* lanes, int64_t dim, const Put& put) {
  constexpr int n = kLanes<T>;
  for (int tile = 0; tile < kTiles; ++tile) {
    for (int64_t d = 0; d < dim; d += n) {
      Vec<T> values[n];
      const int64_t count = min(n, dim - d);
      for (int i = 0; i < n; ++i) values[i] = i < count ? lanes[tile * dim + d + i] : Vec<T>{};
      transpose<T>(values);
      for (int i = 0; i < n; ++i) put(tile * n + i, d, values[i], count);
    }
  }
}

template <class T>
void from_lanes(T* to, const Vec<T>* lanes, int64_t token_stride, int64_t head_stride, const RowBlock<T>& rows,
                int64_t kv_head, int64_t dim) {
  each_row<T>(lanes, dim, [&](int64_t row, int64_t d, Vec<T> values, int64_t count) {
    if (row >= rows.count) return;
    T* target = to + rows.token(row) * token_stride + rows.head(row, kv_head) * head_stride + d;
    count == kLanes<T> ? store(target, values) : store_some(target, values, count);
  });
}

// packed [kRowBlock, width] = the transpose of lanes [kTiles][dim]; width is dim rounded up to whole vectors.
template <class T>
void lanes_to_rows(T* packed, const Vec<T>* lanes, int64_t dim, int64_t width) {
  each_row<T>(lanes, dim,
              [&](int64_t row, int64_t d, Vec<T> values, int64_t) { store(packed + row * width + d, values); });
}

// products[tile][j] = sum over d of lanes[tile][d] * keys[j][d] for n <= kKeyBlock keys.
template <class T>
void products(Vec<T>* out, const Vec<T>* lanes, const T* keys, int64_t stride, int64_t n, int64_t dim) {
  static_assert(kTiles == 2);
  const Vec<T>* other = lanes + dim;
  int64_t j = 0;
  for (; j + 4 <= n; j += 4) {
    const T *k0 = keys + j * stride, *k1 = k0 + stride, *k2 = k1 + stride, *k3 = k2 + stride;
    Vec<T> a0{}, a1{}, a2{}, a3{}, b0{}, b1{}, b2{}, b3{};
    for (int64_t d = 0; d < dim; ++d) {
      const Vec<T> a = lanes[d], b = other[d];
      a0 += a * k0[d], b0 += b * k0[d];
      a1 += a * k1[d], b1 += b * k1[d];
      a2 += a * k2[d], b2 += b * k2[d];
      a3 += a * k3[d], b3 += b * k3[d];
    }
    out[j] = a0, out[j + 1] = a1, out[j + 2] = a2, out[j + 3] = a3;
    Vec<T>* second = out + kKeyBlock + j;
    second[0] = b0, second[1] = b1, second[2] = b2, second[3] = b3;
  }
  for (; j < n; ++j) {
    Vec<T> a{}, b{};
    for (int64_t d = 0; d < dim; ++d) a += lanes[d] * keys[j * stride + d], b += other[d] * keys[j * stride + d];
    out[j] = a, out[kKeyBlock + j] = b;
  }
}

// sums[tile][d] += sum over j of weights[tile][j] * values[j][d].
template <class T>
void add_weighted(Vec<T>* sums, const Vec<T>* weights, const T* values, int64_t stride, int64_t n, int64_t dim) {
  const Vec<T>* other = weights + kKeyBlock;
  int64_t d = 0;
  for (; d + 4 <= dim; d += 4) {
    Vec<T>*a = sums + d, *b = sums + dim + d;
    Vec<T> a0 = a[0], a1 = a[1], a2 = a[2], a3 = a[3], b0 = b[0], b1 = b[1], b2 = b[2], b3 = b[3];
    for (int64_t j = 0; j < n; ++j) {
      const Vec<T> wa = weights[j], wb = other[j];
      const T* v = values + j * stride + d;
      a0 += wa * v[0], b0 += wb * v[0];
      a1 += wa * v[1], b1 += wb * v[1];
      a2 += wa * v[2], b2 += wb * v[2];
      a3 += wa * v[3], b3 += wb * v[3];
    }
    a[0] = a0, a[1] = a1, a[2] = a2, a[3] = a3;
    b[0] = b0, b[1] = b1, b[2] = b2, b[3] = b3;
  }
  for (; d < dim; ++d) {
    for (int64_t j = 0; j < n; ++j) {
      sums[d] += weights[j] * values[j * stride + d];
      sums[dim + d] += other[j] * values[j * stride + d];
    }
  }
}

template <class T>
void attention(const Attention<T>& p, int64_t begin, int64_t end) {
  // Too few rows to fill the lanes; its items are the same, since all rows fit one block.
  if (p.length == 1 && p.log_sum == nullptr && 4 * (p.heads / p.kv_heads) <= kRowBlock<T>) {
    return attention_one(p, begin, end);
  }
  const int64_t blocks = row_blocks(p), dk = p.dim_k, dv = p.dim_v;
  Vec<T>* q = reinterpret_cast<Vec<T>*>(thread_scratch<Vec<T>>(kTiles * (dk + dv + kKeyBlock)));
  Vec<T>*sums = q + kTiles * dk, *scores = sums + kTiles * dv;
  for (int64_t item = begin; item < end; ++item) {
    const int64_t b = item / blocks / p.kv_heads, k = item / blocks % p.kv_heads;
    const RowBlock<T> rows(p, b, item % blocks);
    to_lanes(q, p.q + b * p.q_batch, p.q_token, p.q_head, rows, k, dk, T(p.scale * kLog2E));
    for (int64_t i = 0; i < kTiles * dv; ++i) sums[i] = Vec<T>{};
    Vec<T> top[kTiles], total[kTiles];
    for (int tile = 0; tile < kTiles; ++tile) top[tile] = all(T(-1e30)), total[tile] = Vec<T>{};
    for (int64_t key = rows.key_begin; key < rows.key_end; key += kKeyBlock) {
      const int64_t n = min(kKeyBlock, rows.key_end - key);
      products(scores, q, p.k + b * p.k_batch + key * p.k_token + k * p.k_head, p.k_token, n, dk);
      rows.mask(scores, key, n);
      for (int tile = 0; tile < kTiles; ++tile) {
        Vec<T>* s = scores + tile * kKeyBlock;
        Vec<T> best = top[tile];
        for (int64_t j = 0; j < n; ++j) best = max_lanes<T>(s[j], best);
        const Vec<T> shrink = exp2_lanes(top[tile] - best);
        top[tile] = best;
        total[tile] *= shrink;
        for (int64_t d = 0; d < dv; ++d) sums[tile * dv + d] *= shrink;
        for (int64_t j = 0; j < n; ++j) {
          s[j] = exp2_lanes(s[j] - best);
          total[tile] += s[j];
        }
      }
      add_weighted(sums, scores, p.v + b * p.v_batch + key * p.v_token + k * p.v_head, p.v_token, n, dv);
    }
    for (int tile = 0; tile < kTiles; ++tile) {
      for (int64_t d = 0; d < dv; ++d) sums[tile * dv + d] /= total[tile];
    }
    from_lanes(p.out + b * p.length * p.heads * dv, sums, p.heads * dv, dv, rows, k, dv);
    if (p.log_sum == nullptr) continue;
    for (int64_t row = 0; row < rows.count; ++row) {
      const int64_t tile = row / kLanes<T>, lane = row % kLanes<T>;
      p.log_sum[(b * p.length + rows.token(row)) * p.heads + rows.head(row, k)] =
          top[tile][lane] + std::log2(total[tile][lane]);
    }
  }
}

// Columns c .. of four keys' sums += weights (of four keys, all rows of the block) times `Columns` vectors of packed.
template <class T, int Columns>
ZEBRA_INLINE void add_outer_four(T* sums, const Vec<T>* weights, const T* packed, int64_t width) {
  constexpr int lanes = kLanes<T>;
  Vec<T> total[4][Columns];
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
#pragma GCC unroll 2
    for (int c = 0; c < Columns; ++c) total[j][c] = load(sums + j * width + c * lanes);
  }
  for (int tile = 0; tile < kTiles; ++tile) {
    const T* weight = reinterpret_cast<const T*>(weights + tile * kKeyBlock);
    const T* row = packed + tile * lanes * width;
    for (int lane = 0; lane < lanes; ++lane, row += width) {
#pragma GCC unroll 2
      for (int c = 0; c < Columns; ++c) {
        const Vec<T> values = load(row + c * lanes);
#pragma GCC unroll 4
        for (int j = 0; j < 4; ++j) total[j][c] += values * weight[j * lanes + lane];
      }
    }
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
#pragma GCC unroll 2
    for (int c = 0; c < Columns; ++c) store(sums + j * width + c * lanes, total[j][c]);
  }
}

// sums[j][c] += sum over the block's rows of weights[row][j] * packed[row][c]; sums and packed have rows of `width`.
// Rows go on behind n up to a multiple of four, with weights of zero.
template <class T>
void add_outer(T* sums, const Vec<T>* weights, const T* packed, int64_t n, int64_t width) {
  constexpr int lanes = kLanes<T>;
  for (int64_t j = 0; j < n; j += 4) {
    int64_t c = 0;
    for (; c + 2 * lanes <= width; c += 2 * lanes) {
      add_outer_four<T, 2>(sums + j * width + c, weights + j, packed + c, width);
    }
    if (c < width) add_outer_four<T, 1>(sums + j * width + c, weights + j, packed + c, width);
  }
}

template <class T>
void attention_grad(const AttentionGrad<T>& g, int64_t begin, int64_t end) {
  const Attention<T>& p = g.forward;
  constexpr int lanes = kLanes<T>;
  const int64_t dk = p.dim_k, dv = p.dim_v, width_k = (dk + lanes - 1) / lanes * lanes,
                width_v = (dv + lanes - 1) / lanes * lanes;
  Vec<T>* q = thread_scratch<Vec<T>>(kTiles * (2 * dk + 2 * dv + 3 * kKeyBlock) +
                                     (p.keys + 3 + kRowBlock<T>)*(width_k + width_v) / lanes);
  Vec<T>*d_out = q + kTiles * dk, *out = d_out + kTiles * dv, *dq = out + kTiles * dv;
  Vec<T>*weights = dq + kTiles * dk, *d_scores = weights + kTiles * kKeyBlock;
  T* q_rows = reinterpret_cast<T*>(d_scores + kTiles * kKeyBlock);
  T *d_out_rows = q_rows + kRowBlock<T> * width_k, *d_keys = d_out_rows + kRowBlock<T> * width_v;
  T* d_values = d_keys + (p.keys + 3) * width_k;
  for (int64_t item = begin; item < end; ++item) {
    const int64_t b = item / p.kv_heads, k = item % p.kv_heads;
    for (int64_t i = 0; i < (p.keys + 3) * (width_k + width_v); ++i) d_keys[i] = 0;
    for (int64_t block = 0; block < row_blocks(p); ++block) {
      const RowBlock<T> rows(p, b, block);
      to_lanes(q, p.q + b * p.q_batch, p.q_token, p.q_head, rows, k, dk, T(p.scale * kLog2E));
      to_lanes(d_out, g.d_out + b * g.d_out_batch, g.d_out_token, g.d_out_head, rows, k, dv, T(1));
      to_lanes(out, static_cast<const T*>(p.out) + b * p.length * p.heads * dv, p.heads * dv, dv, rows, k, dv, T(1));
      lanes_to_rows(q_rows, q, dk, width_k);
      lanes_to_rows(d_out_rows, d_out, dv, width_v);
      Vec<T> log_sum[kTiles], mean[kTiles];  // mean: sum of weights times their gradients
      for (int tile = 0; tile < kTiles; ++tile) {
        mean[tile] = Vec<T>{};
        for (int64_t d = 0; d < dv; ++d) mean[tile] += d_out[tile * dv + d] * out[tile * dv + d];
        for (int lane = 0; lane < lanes; ++lane) {
          const int64_t row = tile * lanes + lane;
          log_sum[tile][lane] =
              row < rows.count ? p.log_sum[(b * p.length + rows.token(row)) * p.heads + rows.head(row, k)] : T(0);
        }
      }
      for (int64_t i = 0; i < kTiles * dk; ++i) dq[i] = Vec<T>{};
      for (int64_t key = rows.key_begin; key < rows.key_end; key += kKeyBlock) {
        const int64_t n = min(kKeyBlock, rows.key_end - key);
        const T* keys = p.k + b * p.k_batch + key * p.k_token + k * p.k_head;
        products(weights, q, keys, p.k_token, n, dk);
        products(d_scores, d_out, p.v + b * p.v_batch + key * p.v_token + k * p.v_head, p.v_token, n, dv);
        rows.mask(weights, key, n);
        for (int tile = 0; tile < kTiles; ++tile) {
          for (int64_t j = tile * kKeyBlock; j < tile * kKeyBlock + n; ++j) {
            weights[j] = exp2_lanes(weights[j] - log_sum[tile]);
            d_scores[j] = weights[j] * (d_scores[j] - mean[tile]);
          }
          for (int64_t j = n; j % 4 != 0; ++j) {
            weights[tile * kKeyBlock + j] = Vec<T>{};
            d_scores[tile * kKeyBlock + j] = Vec<T>{};
          }
        }
        add_weighted(dq, d_scores, keys, p.k_token, n, dk);
        add_outer(d_keys + key * width_k, d_scores, q_rows, n, width_k);
        add_outer(d_values + key * width_v, weights, d_out_rows, n, width_v);
      }
      for (int64_t i = 0; i < kTiles * dk; ++i) dq[i] *= T(p.scale);
      from_lanes(g.dq + b * p.length * p.heads * dk, dq, p.heads * dk, dk, rows, k, dk);
    }
    for (int64_t s = 0; s < p.keys; ++s) {
      const int64_t at = (b * p.keys + s) * p.kv_heads + k;
      for (int64_t d = 0; d < dk; ++d) g.dk[at * dk + d] = d_keys[s * width_k + d] * T(1 / kLog2E);
      for (int64_t d = 0; d < dv; ++d) g.dv[at * dv + d] = d_values[s * width_v + d];
    }
  }
}

}  // namespace zebra::kernels::ZEBRA_ISA
