// RMSNorm and the gated group norm of Mamba2.
#pragma once
#include "kernels/cpu/vec.h"
#include "kernels/params.h"

namespace zebra::kernels::ZEBRA_ISA {

template <class T>
void rms_norm(const RmsNorm<T>& p, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    const T* x = p.x + row * p.x_stride;
    T* y = p.y + row * p.width;
    Vec<T> squares{};
    for_row<T>(p.width, [&](int64_t i, auto get, auto) {
      const Vec<T> v = get(x + i);
      squares += v * v;
    });
    const T rstd = T(1) / std::sqrt(sum_lanes<T>(squares) / T(p.width) + T(p.eps));
    for_row<T>(p.width, [&](int64_t i, auto get, auto put) { put(y + i, get(x + i) * rstd * get(p.weight + i)); });
    if (p.rstd != nullptr) p.rstd[row] = rstd;
  }
}

template <class T>
void rms_norm_grad(const RmsNormGrad<T>& p, int64_t begin, int64_t end) {
  for (int64_t block = begin; block < end; ++block) {
    T* d_weight = p.d_weight + block * p.width;
    for (int64_t i = 0; i < p.width; ++i) d_weight[i] = 0;
    const int64_t last = min(p.rows, (block + 1) * p.block_rows);
    for (int64_t row = block * p.block_rows; row < last; ++row) {
      const T *x = p.x + row * p.x_stride, *dy = p.dy + row * p.dy_stride;
      T* dx = p.dx + row * p.width;
      const T rstd = p.rstd[row];
      Vec<T> products{};
      for_row<T>(p.width, [&](int64_t i, auto get, auto put) {
        const Vec<T> direct = get(dy + i) * get(x + i);
        products += direct * get(p.weight + i);
        put(d_weight + i, get(d_weight + i) + direct * rstd);
      });
      const T back = sum_lanes<T>(products) * rstd * rstd * rstd / T(p.width);
      for_row<T>(p.width, [&](int64_t i, auto get, auto put) {
        put(dx + i, get(dy + i) * get(p.weight + i) * rstd - get(x + i) * back);
      });
    }
  }
}

// Groups of exactly one vector, kLanes of them at a time: their sums are taken together.
template <class T>
ZEBRA_INLINE bool groups_are_vectors(int64_t group, int64_t width) {
  return group == kLanes<T> && width % (kLanes<T> * kLanes<T>) == 0;
}

template <class T>
ZEBRA_INLINE void gated_vectors(const T* y, const T* z, const T* weight, double eps, T* out) {
  constexpr int n = kLanes<T>;
  Vec<T> gated[n], squares[n];
#pragma GCC unroll 16
  for (int i = 0; i < n; ++i) {
    const Vec<T> gate = load(z + i * n);
    gated[i] = load(y + i * n) * gate * sigmoid<T>(gate);
    squares[i] = gated[i] * gated[i];
  }
  const Vec<T> rstd = T(1) / sqrt_lanes<T>(sum_each<T>(squares) / T(n) + T(eps));
#pragma GCC unroll 16
  for (int i = 0; i < n; ++i) store(out + i * n, gated[i] * rstd[i] * load(weight + i * n));
}

template <class T>
ZEBRA_INLINE void gated_vectors_grad(const T* y, const T* z, const T* weight, const T* d_out, double eps, T* dy, T* dz,
                                     T* d_weight) {
  constexpr int n = kLanes<T>;
  Vec<T> opens[n], squares[n], products[n];
#pragma GCC unroll 16
  for (int i = 0; i < n; ++i) {
    const Vec<T> gate = load(z + i * n);
    opens[i] = sigmoid<T>(gate);
    const Vec<T> gated = load(y + i * n) * gate * opens[i];
    squares[i] = gated * gated;
    products[i] = gated * load(d_out + i * n) * load(weight + i * n);
  }
  const Vec<T> rstd = T(1) / sqrt_lanes<T>(sum_each<T>(squares) / T(n) + T(eps));
  const Vec<T> back = sum_each<T>(products) * rstd * rstd * rstd / T(n);
#pragma GCC unroll 16
  for (int i = 0; i < n; ++i) {
    const Vec<T> value = load(y + i * n), silu = load(z + i * n) * opens[i], gated = value * silu;
    const Vec<T> outer = load(d_out + i * n) * rstd[i];
    store(d_weight + i * n, load(d_weight + i * n) + outer * gated);
    const Vec<T> d_gated = outer * load(weight + i * n) - gated * back[i];
    store(dy + i * n, d_gated * silu);
    store(dz + i * n, d_gated * value * (opens[i] + silu * (T(1) - opens[i])));
  }
}

template <class T>
void gated_group_norm(const GatedGroupNorm<T>& p, int64_t begin, int64_t end) {
  const bool vectors = groups_are_vectors<T>(p.group, p.width);
  for (int64_t row = begin; row < end; ++row) {
    for (int64_t first = 0; vectors && first < p.width; first += p.group * p.group) {
      gated_vectors(p.y + row * p.y_stride + first, p.z + row * p.z_stride + first, p.weight + first, p.eps,
                    p.out + row * p.width + first);
    }
    for (int64_t first = 0; !vectors && first < p.width; first += p.group) {
      const T *y = p.y + row * p.y_stride + first, *z = p.z + row * p.z_stride + first, *weight = p.weight + first;
      T* out = p.out + row * p.width + first;
      Vec<T> squares{};
      for_row<T>(p.group, [&](int64_t i, auto get, auto put) {
        const Vec<T> gate = get(z + i), gated = get(y + i) * gate * sigmoid<T>(gate);
        squares += gated * gated;
        put(out + i, gated);
      });
      const T rstd = T(1) / std::sqrt(sum_lanes<T>(squares) / T(p.group) + T(p.eps));
      for_row<T>(p.group, [&](int64_t i, auto get, auto put) { put(out + i, get(out + i) * rstd * get(weight + i)); });
    }
  }
}

template <class T>
void gated_group_norm_grad(const GatedGroupNormGrad<T>& p, int64_t begin, int64_t end) {
  const bool vectors = groups_are_vectors<T>(p.group, p.width);
  for (int64_t block = begin; block < end; ++block) {
    T* sums = p.d_weight + block * p.width;
    for (int64_t i = 0; i < p.width; ++i) sums[i] = 0;
    const int64_t last = min(p.rows, (block + 1) * p.block_rows);
    for (int64_t row = block * p.block_rows; row < last; ++row) {
      for (int64_t first = 0; vectors && first < p.width; first += p.group * p.group) {
        const int64_t at = row * p.width + first;
        gated_vectors_grad(p.y + row * p.y_stride + first, p.z + row * p.z_stride + first, p.weight + first,
                           p.d_out + row * p.d_out_stride + first, p.eps, p.dy + at, p.dz + at, sums + first);
      }
      for (int64_t first = 0; !vectors && first < p.width; first += p.group) {
        const T *y = p.y + row * p.y_stride + first, *z = p.z + row * p.z_stride + first, *weight = p.weight + first;
        const T* d_out = p.d_out + row * p.d_out_stride + first;
        T *dy = p.dy + row * p.width + first, *dz = p.dz + row * p.width + first, *d_weight = sums + first;
        // The gradients hold silu(z) and sigmoid(z) until the sums over the group are known.
        Vec<T> squares{}, products{};
        for_row<T>(p.group, [&](int64_t i, auto get, auto put) {
          const Vec<T> gate = get(z + i), open = sigmoid<T>(gate), gated = get(y + i) * gate * open;
          squares += gated * gated;
          products += gated * get(d_out + i) * get(weight + i);
          put(dy + i, gate * open);
          put(dz + i, open);
        });
        const T rstd = T(1) / std::sqrt(sum_lanes<T>(squares) / T(p.group) + T(p.eps));
        const T back = sum_lanes<T>(products) * rstd * rstd * rstd / T(p.group);
        for_row<T>(p.group, [&](int64_t i, auto get, auto put) {
          const Vec<T> value = get(y + i), silu = get(dy + i), open = get(dz + i), gated = value * silu;
          const Vec<T> outer = get(d_out + i);
          put(d_weight + i, get(d_weight + i) + outer * gated * rstd);
          const Vec<T> d_gated = outer * get(weight + i) * rstd - gated * back;
          put(dy + i, d_gated * silu);
          put(dz + i, d_gated * value * (open + silu * (T(1) - open)));
        });
      }
    }
  }
}

}  // namespace zebra::kernels::ZEBRA_ISA
