// Mamba2's recurrence. A tile of the state (kLanes channels of x times kLanes channels of B) stays in registers while
// it walks along the whole sequence: without matrix units that takes fewer operations than the chunked form, and it is
// the definition itself. Lanes are channels of x, so that nothing is summed across lanes on the way forward.
#pragma once
#include "kernels/cpu/vec.h"
#include "kernels/params.h"
#include "kernels/scratch.h"

namespace zebra::kernels::ZEBRA_ISA {

template <class T>
ZEBRA_INLINE int64_t padded(int64_t n) {
  return (n + kLanes<T> - 1) / kLanes<T> * kLanes<T>;
}

// to [rows, padded] = from [rows, n] * factor[row], zeros behind; `factor` may be null.
template <class T>
void pack_rows(T* to, const T* from, int64_t rows, int64_t n, int64_t stride, const T* factor) {
  const int64_t width = padded<T>(n);
  for (int64_t r = 0; r < rows; ++r) {
    const T scale = factor == nullptr ? T(1) : factor[r];
    for (int64_t i = 0; i < width; i += kLanes<T>) {
      const T* source = from + r * stride + i;
      store(to + r * width + i, (i + kLanes<T> <= n ? load(source) : load_some(source, n - i)) * scale);
    }
  }
}

// One head's inputs, packed: L rows each, widths padded to whole vectors.
template <class T>
struct SsdHead {
  int64_t length, p, n;  // padded head dim and state size
  int64_t real_p, real_n;
  T *decay, *u, *b, *c;  // exp(dt A) [L], dt x [L, p], [L, n], [L, n]
  int64_t chunk;
  const T* initial;  // [P, N] or null
  T* saved;          // [chunks, p / lanes, n, lanes] or null
};

// Rows n0.. of the tile at (p0, n0): lane i of row r is state[p0 + i][n0 + r].
template <class T>
ZEBRA_INLINE void load_tile(Vec<T>* tile, const T* state, const SsdHead<T>& head, int64_t p0, int64_t n0) {
  for (int r = 0; r < kLanes<T>; ++r) {
    tile[r] = Vec<T>{};
    if (state == nullptr || n0 + r >= head.real_n) continue;
    for (int i = 0; i < kLanes<T> && p0 + i < head.real_p; ++i) tile[r][i] = state[(p0 + i) * head.real_n + n0 + r];
  }
}
template <class T>
ZEBRA_INLINE void store_tile(T* state, const Vec<T>* tile, const SsdHead<T>& head, int64_t p0, int64_t n0) {
  for (int r = 0; r < kLanes<T> && n0 + r < head.real_n; ++r) {
    for (int i = 0; i < kLanes<T> && p0 + i < head.real_p; ++i) state[(p0 + i) * head.real_n + n0 + r] = tile[r][i];
  }
}
template <class T>
ZEBRA_INLINE T* saved_tile(const SsdHead<T>& head, int64_t chunk, int64_t p0, int64_t n0) {
  return head.saved + ((chunk * (head.p / kLanes<T>)+p0 / kLanes<T>)*head.n + n0) * kLanes<T>;
}

// Adds the tile's share to y [L, p].
template <class T>
void ssd_tile(const SsdHead<T>& head, int64_t p0, int64_t n0, T* y, T* final) {
  constexpr int lanes = kLanes<T>;
  Vec<T> h[lanes];
  load_tile(h, head.initial, head, p0, n0);
  for (int64_t first = 0; first < head.length; first += head.chunk) {
    if (head.saved != nullptr) {
      T* save = saved_tile(head, first / head.chunk, p0, n0);
      for (int r = 0; r < lanes; ++r) store(save + r * lanes, h[r]);
    }
    for (int64_t t = first; t < min(head.length, first + head.chunk); ++t) {
      const Vec<T> decay = all(head.decay[t]), u = load(head.u + t * head.p + p0);
      const T *b = head.b + t * head.n + n0, *c = head.c + t * head.n + n0;
      Vec<T> even = load(y + t * head.p + p0), odd{};
#pragma GCC unroll 16
      for (int r = 0; r < lanes; r += 2) {
        h[r] = h[r] * decay + u * b[r];
        even += h[r] * c[r];
        h[r + 1] = h[r + 1] * decay + u * b[r + 1];
        odd += h[r + 1] * c[r + 1];
      }
      store(y + t * head.p + p0, even + odd);
    }
  }
  if (final != nullptr) store_tile(final, h, head, p0, n0);
}

template <class T>
ZEBRA_INLINE int64_t ssd_chunks(const Ssd<T>& p) {
  return (p.length + p.chunk - 1) / p.chunk;
}

// Packs head h of row b into `memory` (as many values as ssd_head_size) and returns what is left of it.
template <class T>
T* ssd_pack(SsdHead<T>& head, const Ssd<T>& p, int64_t b, int64_t h, T* memory) {
  const int64_t k = h / (p.heads / p.kv_heads), L = p.length;
  head.length = L;
  head.real_p = p.head_dim, head.real_n = p.state;
  head.p = padded<T>(p.head_dim), head.n = padded<T>(p.state);
  head.u = memory;
  head.b = head.u + L * head.p;
  head.c = head.b + L * head.n;
  head.decay = head.c + L * head.n;
  T* dt = head.decay + padded<T>(L);
  for (int64_t t = 0; t < L; ++t) dt[t] = p.dt[b * p.dt_batch + t * p.dt_token + h];
  const T A = p.A[h];
  for (int64_t t = 0; t < padded<T>(L); t += kLanes<T>) store(head.decay + t, exp_lanes(load(dt + t) * A));
  pack_rows(head.u, p.x + b * p.x_batch + k * p.x_head, L, p.head_dim, p.x_token, dt);
  pack_rows(head.b, p.B + b * p.b_batch + k * p.b_head, L, p.state, p.b_token, static_cast<const T*>(nullptr));
  pack_rows(head.c, p.C + b * p.c_batch + h * p.c_head, L, p.state, p.c_token, static_cast<const T*>(nullptr));
  head.chunk = p.saved == nullptr ? L : p.chunk;
  const int64_t matrix = p.head_dim * p.state, index = b * p.heads + h;
  head.initial = p.initial == nullptr ? nullptr : p.initial + index * matrix;
  head.saved = p.saved == nullptr ? nullptr : p.saved + index * ssd_chunks(p) * head.p * head.n;
  return dt + padded<T>(L);
}
template <class T>
ZEBRA_INLINE int64_t ssd_head_size(const Ssd<T>& p) {
  return p.length * (padded<T>(p.head_dim) + 2 * padded<T>(p.state)) + 2 * padded<T>(p.length);
}

template <class T>
void ssd(const Ssd<T>& p, int64_t begin, int64_t end) {
  const int64_t group = p.heads / p.kv_heads, width = padded<T>(p.head_dim);
  T* memory = thread_scratch<T>(ssd_head_size(p) + p.length * width);
  for (int64_t item = begin * group; item < end * group; ++item) {
    const int64_t b = item / p.heads, h = item % p.heads;
    SsdHead<T> head;
    T* y = ssd_pack(head, p, b, h, memory);
    const T* x = p.x + b * p.x_batch + h / group * p.x_head;
    pack_rows(y, x, p.length, p.head_dim, p.x_token, static_cast<const T*>(nullptr));
    for (int64_t i = 0; i < p.length * width; i += kLanes<T>) store(y + i, load(y + i) * p.D[h]);
    T* final = p.final == nullptr ? nullptr : p.final + (b * p.heads + h) * p.head_dim * p.state;
    for (int64_t p0 = 0; p0 < head.p; p0 += kLanes<T>) {
      for (int64_t n0 = 0; n0 < head.n; n0 += kLanes<T>) ssd_tile(head, p0, n0, y, final);
    }
    for (int64_t t = 0; t < p.length; ++t) {
      T* out = p.y + ((b * p.length + t) * p.heads + h) * p.head_dim;
      for_row<T>(p.head_dim, [&](int64_t i, auto, auto put) { put(out + i, load(y + t * width + i)); });
    }
  }
}

// Gradients of one head, packed like SsdHead.
template <class T>
struct SsdHeadGrad {
  T *dy, *du, *db, *dc;  // [L, p], [L, p], [L, n], [L, n]
  T* decays;             // [L, lanes]: sums over lanes are <gradient of h_t, h_t>
  T* history;            // [chunk, lanes, lanes]
};

template <class T>
void ssd_tile_grad(const SsdHead<T>& head, const SsdHeadGrad<T>& grad, int64_t p0, int64_t n0, const T* d_final,
                   T* d_initial) {
  constexpr int lanes = kLanes<T>;
  Vec<T> g[lanes];  // gradient of the state after position t
  load_tile(g, d_final, head, p0, n0);
  const int64_t chunks = (head.length + head.chunk - 1) / head.chunk;
  for (int64_t chunk = chunks - 1; chunk >= 0; --chunk) {
    const int64_t first = chunk * head.chunk, last = min(head.length, first + head.chunk);
    const T* save = saved_tile(head, chunk, p0, n0);
    Vec<T> h[lanes];
    for (int r = 0; r < lanes; ++r) h[r] = load(save + r * lanes);
    for (int64_t t = first; t < last; ++t) {
      const Vec<T> decay = all(head.decay[t]), u = load(head.u + t * head.p + p0);
      const T* b = head.b + t * head.n + n0;
      T* keep = grad.history + (t - first) * lanes * lanes;
#pragma GCC unroll 16
      for (int r = 0; r < lanes; ++r) {
        h[r] = h[r] * decay + u * b[r];
        store(keep + r * lanes, h[r]);
      }
    }
    for (int64_t t = last - 1; t >= first; --t) {
      const Vec<T> u = load(head.u + t * head.p + p0), dy = load(grad.dy + t * head.p + p0);
      const T *b = head.b + t * head.n + n0, *c = head.c + t * head.n + n0;
      const T* keep = grad.history + (t - first) * lanes * lanes;
      Vec<T> rows[lanes], du = load(grad.du + t * head.p + p0), along = load(grad.decays + t * lanes);
#pragma GCC unroll 16
      for (int r = 0; r < lanes; ++r) {
        g[r] += dy * c[r];
        du += g[r] * b[r];
        rows[r] = g[r] * u;
      }
      T* db = grad.db + t * head.n + n0;
      store(db, load(db) + sum_each<T>(rows));
#pragma GCC unroll 16
      for (int r = 0; r < lanes; ++r) {
        const Vec<T> state = load(keep + r * lanes);
        rows[r] = state * dy;
        along += state * g[r];
      }
      T* dc = grad.dc + t * head.n + n0;
      store(dc, load(dc) + sum_each<T>(rows));
      store(grad.du + t * head.p + p0, du);
      store(grad.decays + t * lanes, along);
      const Vec<T> decay = all(head.decay[t]);
#pragma GCC unroll 16
      for (int r = 0; r < lanes; ++r) g[r] *= decay;
    }
  }
  if (d_initial != nullptr) store_tile(d_initial, g, head, p0, n0);
}

template <class T>
ZEBRA_INLINE void clear(T* values, int64_t count) {
  for (int64_t i = 0; i < count; ++i) values[i] = 0;
}

template <class T>
void ssd_grad(const SsdGrad<T>& q, int64_t begin, int64_t end) {
  const Ssd<T>& p = q.forward;
  constexpr int lanes = kLanes<T>;
  const int64_t group = p.heads / p.kv_heads, L = p.length;
  const int64_t width = padded<T>(p.head_dim), states = padded<T>(p.state);
  T* memory = thread_scratch<T>(ssd_head_size(p) + L * (3 * width + 2 * states + lanes) + p.chunk * lanes * lanes);
  for (int64_t item = begin; item < end; ++item) {
    const int64_t b = item / p.kv_heads, k = item % p.kv_heads;
    for (int64_t h = k * group; h < (k + 1) * group; ++h) {
      SsdHead<T> head;
      SsdHeadGrad<T> grad;
      grad.dy = ssd_pack(head, p, b, h, memory);
      grad.du = grad.dy + L * width;
      grad.dc = grad.du + L * width;
      grad.decays = grad.dc + L * states;
      grad.history = grad.decays + L * lanes;
      grad.db = grad.history + p.chunk * lanes * lanes;
      T* dx = grad.db + L * states;  // like db it sums over the heads of the group
      pack_rows(grad.dy, q.dy + (b * L * p.heads + h) * p.head_dim, L, p.head_dim, p.heads * p.head_dim,
                static_cast<const T*>(nullptr));
      clear(grad.du, L * width + L * states + L * lanes);  // du, dc and decays lie side by side
      if (h == k * group) clear(grad.db, L * (states + width));
      const int64_t index = b * p.heads + h, matrix = p.head_dim * p.state;
      const T* d_final = q.d_final == nullptr ? nullptr : q.d_final + index * matrix;
      T* d_initial = q.d_initial == nullptr ? nullptr : q.d_initial + index * matrix;
      for (int64_t p0 = 0; p0 < head.p; p0 += lanes) {
        for (int64_t n0 = 0; n0 < head.n; n0 += lanes) ssd_tile_grad(head, grad, p0, n0, d_final, d_initial);
      }
      const T* x = p.x + b * p.x_batch + k * p.x_head;
      T dA = 0, dD = 0;
      for (int64_t t = 0; t < L; ++t) {
        const T dt = p.dt[b * p.dt_batch + t * p.dt_token + h];
        Vec<T> direct{}, skip{};
        for_row<T>(p.head_dim, [&](int64_t i, auto get, auto) {
          const Vec<T> value = get(x + t * p.x_token + i), du = load(grad.du + t * width + i);
          const Vec<T> dy = load(grad.dy + t * width + i);
          direct += value * du;
          skip += value * dy;
          store(dx + t * width + i, load(dx + t * width + i) + du * dt + dy * p.D[h]);
        });
        const T by_step = sum_lanes<T>(direct);
        const T log_decay = sum_lanes<T>(load(grad.decays + t * lanes)) - dt * by_step;
        q.d_dt[(b * L + t) * p.heads + h] = by_step + p.A[h] * log_decay;
        dA += dt * log_decay;
        dD += sum_lanes<T>(skip);
        T* dc = q.dC + ((b * L + t) * p.heads + h) * p.state;
        for_row<T>(p.state, [&](int64_t i, auto, auto put) { put(dc + i, load(grad.dc + t * states + i)); });
      }
      q.dA[index] = dA;
      q.dD[index] = dD;
      if (h + 1 < (k + 1) * group) continue;
      for (int64_t t = 0; t < L; ++t) {
        const int64_t out = (b * L + t) * p.kv_heads + k;
        for_row<T>(p.head_dim,
                   [&](int64_t i, auto, auto put) { put(q.dx + out * p.head_dim + i, load(dx + t * width + i)); });
        for_row<T>(p.state,
                   [&](int64_t i, auto, auto put) { put(q.dB + out * p.state + i, load(grad.db + t * states + i)); });
      }
    }
  }
}

}  // namespace zebra::kernels::ZEBRA_ISA
