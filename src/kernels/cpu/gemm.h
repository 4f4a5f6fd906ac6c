// Matrix products with a small weight: it stays in the cache, packed in panels of two vectors of columns, while rows
// of activations stream past it. Sums over rows (the gradient of a weight) need no packing at all.
#pragma once
#include <type_traits>

#include "kernels/cpu/vec.h"
#include "kernels/params.h"
#include "kernels/scratch.h"

namespace zebra::kernels::ZEBRA_ISA {

constexpr int kTileRows = ZEBRA_VECTOR_BYTES == 64 ? 12 : 6;  // times two vectors of columns fill the registers
constexpr int64_t kBlockRows = 48;                            // rows that stand in the cache together
constexpr int64_t kSumRows = 64;                              // the same, where rows are summed
template <class T>
constexpr int kPanel = 2 * kLanes<T>;

template <class T>
ZEBRA_INLINE int64_t panels(int64_t cols) {
  return (cols + kPanel<T> - 1) / kPanel<T>;
}
template <class T>
ZEBRA_INLINE int64_t packed_size(int64_t inner, int64_t cols) {
  return panels<T>(cols) * kPanel<T> * inner;
}

// to [panels][inner][kPanel]: element (k, n) of a matrix at from[k * k_stride + n * n_stride], zeros behind `cols`.
template <class T>
void pack_panels(T* to, const T* from, int64_t inner, int64_t cols, int64_t k_stride, int64_t n_stride) {
  for (int64_t panel = 0; panel < panels<T>(cols); ++panel) {
    const int64_t first = panel * kPanel<T>, count = min(kPanel<T>, cols - first);
    for (int64_t k = 0; k < inner; ++k, to += kPanel<T>) {
      const T* source = from + k * k_stride + first * n_stride;
      for (int64_t n = 0; n < count; ++n) to[n] = source[n * n_stride];
      for (int64_t n = count; n < kPanel<T>; ++n) to[n] = 0;
    }
  }
}
template <class T>
void pack(const Pack<T>& p, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i) pack_panels(p.to, p.from, p.inner, p.cols, p.k_stride, p.n_stride);
}

// Stores or adds a pair of vectors to the first `count` columns at `to`.
template <class T>
ZEBRA_INLINE void put_pair(T* to, Vec<T> low, Vec<T> high, int64_t count, bool add) {
  constexpr int lanes = kLanes<T>;
  if (count >= kPanel<T>) {
    store(to, add ? load(to) + low : low);
    store(to + lanes, add ? load(to + lanes) + high : high);
    return;
  }
  if (count < lanes) {
    store_some(to, add ? load_some(to, count) + low : low, count);
    return;
  }
  store(to, add ? load(to) + low : low);
  const int64_t rest = count - lanes;
  if (rest > 0) store_some(to + lanes, add ? load_some(to + lanes, rest) + high : high, rest);
}

// Unrolled, so that the tile never lives in memory.
template <class T, int R>
ZEBRA_INLINE void clear_tile(Vec<T>* low, Vec<T>* high) {
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) low[r] = Vec<T>{}, high[r] = Vec<T>{};
}

template <class T, int R>
void gemm_tile(const T* a, int64_t a_stride, const T* panel, int64_t inner, T* c, int64_t c_stride, int64_t count,
               bool add) {
  constexpr int lanes = kLanes<T>;
  Vec<T> low[R], high[R];
  clear_tile<T, R>(low, high);
  for (int64_t k = 0; k < inner; ++k) {
    const Vec<T> b0 = load(panel + k * kPanel<T>), b1 = load(panel + k * kPanel<T> + lanes);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const Vec<T> value = all(a[r * a_stride + k]);
      low[r] += value * b0;
      high[r] += value * b1;
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) put_pair(c + r * c_stride, low[r], high[r], count, add);
}

// Calls tile.template operator()<R>() for a constant R = rows.
template <int R, class Tile>
ZEBRA_INLINE void with_rows(int64_t rows, const Tile& tile) {
  if (rows == R) {
    tile(std::integral_constant<int, R>());
  } else if constexpr (R > 1) {
    with_rows<R - 1>(rows, tile);
  }
}

// c [rows, cols] (+)= a [rows, inner] times the packed matrix.
template <class T>
void gemm_rows(const T* a, int64_t a_stride, int64_t rows, int64_t inner, const T* packed, int64_t cols, T* c,
               int64_t c_stride, bool add) {
  for (int64_t n = 0; n < cols; n += kPanel<T>, packed += kPanel<T> * inner) {
    for (int64_t r = 0; r < rows; r += kTileRows) {
      with_rows<kTileRows>(min(kTileRows, rows - r), [&](auto count) {
        gemm_tile<T, count>(a + r * a_stride, a_stride, packed, inner, c + r * c_stride + n, c_stride, cols - n, add);
      });
    }
  }
}

// One tile of c [R, two vectors] += sum over rows of a[row][0 .. R) * b[row][0 .. count).
template <class T, int R, bool Whole>
void outer_tile(const T* a, int64_t a_stride, const T* b, int64_t b_stride, int64_t rows, T* c, int64_t c_stride,
                int64_t count) {
  constexpr int lanes = kLanes<T>;
  const int64_t first = min(count, lanes), second = count - first;
  Vec<T> low[R], high[R];
  clear_tile<T, R>(low, high);
  for (int64_t row = 0; row < rows; ++row) {
    const T *x = b + row * b_stride, *y = a + row * a_stride;
    const Vec<T> b0 = Whole ? load(x) : load_some(x, first);
    const Vec<T> b1 = Whole ? load(x + lanes) : (second > 0 ? load_some(x + lanes, second) : Vec<T>{});
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const Vec<T> value = all(y[r]);
      low[r] += value * b0;
      high[r] += value * b1;
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) put_pair(c + r * c_stride, low[r], high[r], count, true);
}

// c [n, k] += a [rows, n]^T b [rows, k]
template <class T>
void gemm_outer(const T* a, int64_t a_stride, int64_t n, const T* b, int64_t b_stride, int64_t k, int64_t rows, T* c) {
  for (int64_t i = 0; i < n; i += kTileRows) {
    with_rows<kTileRows>(min(kTileRows, n - i), [&](auto count) {
      for (int64_t j = 0; j < k; j += kPanel<T>) {
        if (k - j >= kPanel<T>) {
          outer_tile<T, count, true>(a + i, a_stride, b + j, b_stride, rows, c + i * k + j, k, kPanel<T>);
        } else {
          outer_tile<T, count, false>(a + i, a_stride, b + j, b_stride, rows, c + i * k + j, k, k - j);
        }
      }
    });
  }
}

template <class T>
void gemm(const Gemm<T>& p, int64_t begin, int64_t end) {
  for (int64_t block = begin; block < end; ++block) {
    const int64_t first = block * kBlockRows, rows = min(kBlockRows, p.rows - first);
    T* c = p.c + first * p.c_stride;
    for (int64_t r = 0; p.bias != nullptr && r < rows; ++r) {
      for (int64_t n = 0; n < p.cols; ++n) c[r * p.c_stride + n] = p.bias[n];
    }
    gemm_rows(p.a + first * p.a_stride, p.a_stride, rows, p.inner, p.packed, p.cols, c, p.c_stride, p.bias != nullptr);
  }
}

template <class T>
void gemm_sum(const GemmSum<T>& p, int64_t begin, int64_t end) {
  for (int64_t slot = begin; slot < end; ++slot) {
    T* c = p.c + slot * p.n * p.k;
    for (int64_t i = 0; i < p.n * p.k; ++i) c[i] = 0;
    const int64_t last = min(p.rows, (slot + 1) * p.slot_rows);
    for (int64_t row = slot * p.slot_rows; row < last; row += kSumRows) {
      gemm_outer(p.a + row * p.a_stride, p.a_stride, p.n, p.b + row * p.b_stride, p.b_stride, p.k,
                 min(kSumRows, last - row), c);
    }
  }
}

// down(silu(gate(x)) * up(x)), block of rows by block of rows, so that only its inputs and outputs leave the cache.
template <class T>
void mlp(const Mlp<T>& p, int64_t begin, int64_t end) {
  T* memory = thread_scratch<T>(2 * kBlockRows * p.inner);
  for (int64_t block = begin; block < end; ++block) {
    const int64_t first = block * kBlockRows, rows = min(kBlockRows, p.rows - first), n = rows * p.inner;
    const T* x = p.x + first * p.x_stride;
    T* gate = p.gate != nullptr ? p.gate + first * p.inner : memory;
    T* up = p.up != nullptr ? p.up + first * p.inner : memory + kBlockRows * p.inner;
    gemm_rows(x, p.x_stride, rows, p.width, p.gate_packed, p.inner, gate, p.inner, false);
    gemm_rows(x, p.x_stride, rows, p.width, p.up_packed, p.inner, up, p.inner, false);
    for_row<T>(n, [&](int64_t i, auto get, auto put) {
      const Vec<T> g = get(gate + i);
      put(memory + i, g * sigmoid<T>(g) * get(up + i));
    });
    gemm_rows(memory, p.inner, rows, p.inner, p.down_packed, p.width, p.y + first * p.width, p.width, false);
  }
}

template <class T>
void mlp_grad(const MlpGrad<T>& p, int64_t begin, int64_t end) {
  const int64_t inner = p.inner, width = p.width, weight = inner * width;
  T* hidden = thread_scratch<T>(3 * kBlockRows * inner);
  T *d_gate = hidden + kBlockRows * inner, *d_up = d_gate + kBlockRows * inner;
  for (int64_t slot = begin; slot < end; ++slot) {
    T* sums = p.d_weights + slot * 3 * weight;  // of gate, up and down
    for (int64_t i = 0; i < 3 * weight; ++i) sums[i] = 0;
    const int64_t last = min(p.rows, (slot + 1) * p.slot_rows);
    for (int64_t row = slot * p.slot_rows; row < last; row += kBlockRows) {
      const int64_t rows = min(kBlockRows, last - row), n = rows * inner;
      const T *x = p.x + row * p.x_stride, *dy = p.dy + row * p.dy_stride;
      const T *gate = p.gate + row * inner, *up = p.up + row * inner;
      T* dx = p.dx + row * width;
      gemm_rows(dy, p.dy_stride, rows, width, p.down_packed, inner, d_up, inner, false);
      for_row<T>(n, [&](int64_t i, auto get, auto put) {
        const Vec<T> g = get(gate + i), u = get(up + i), d = get(d_up + i);
        const Vec<T> open = sigmoid<T>(g), silu = g * open;
        put(hidden + i, silu * u);
        put(d_up + i, d * silu);
        put(d_gate + i, d * u * (open + silu * (T(1) - open)));
      });
      gemm_rows(d_gate, inner, rows, inner, p.gate_packed, width, dx, width, false);
      gemm_rows(d_up, inner, rows, inner, p.up_packed, width, dx, width, true);
      gemm_outer(d_gate, inner, inner, x, p.x_stride, width, rows, sums);
      gemm_outer(d_up, inner, inner, x, p.x_stride, width, rows, sums + weight);
      gemm_outer(dy, p.dy_stride, width, hidden, inner, inner, rows, sums + 2 * weight);
    }
  }
}

}  // namespace zebra::kernels::ZEBRA_ISA
