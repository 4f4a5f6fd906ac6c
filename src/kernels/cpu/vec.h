// Short vectors of float or double, by GCC's vector extension: the same kernels compile for every instruction set.
// Included by the per-instruction-set units only (cpu/avx2.cpp ...), each of which sets ZEBRA_ISA and
// ZEBRA_VECTOR_BYTES; everything lives in a namespace of that name, so that the linker cannot mix them.
#pragma once
#include <cmath>
#include <cstdint>
#include <utility>
#if defined(__AVX__)
#include <immintrin.h>
#endif

namespace zebra::kernels::ZEBRA_ISA {

template <class T>
struct VecOf {
  typedef T type __attribute__((vector_size(ZEBRA_VECTOR_BYTES)));
  typedef T loose __attribute__((vector_size(ZEBRA_VECTOR_BYTES), aligned(alignof(T)), may_alias));
};
template <class T>
using Vec = typename VecOf<T>::type;
template <class T>
constexpr int kLanes = ZEBRA_VECTOR_BYTES / static_cast<int>(sizeof(T));

#define ZEBRA_INLINE inline __attribute__((always_inline))

ZEBRA_INLINE int64_t min(int64_t a, int64_t b) {
  return a < b ? a : b;
}
ZEBRA_INLINE int64_t max(int64_t a, int64_t b) {
  return a > b ? a : b;
}

template <class T>
ZEBRA_INLINE Vec<T> load(const T* from) {
  return *reinterpret_cast<const typename VecOf<T>::loose*>(from);
}
template <class T>
ZEBRA_INLINE void store(T* to, Vec<T> value) {
  *reinterpret_cast<typename VecOf<T>::loose*>(to) = value;
}
template <class T>
ZEBRA_INLINE Vec<T> all(T value) {
  return value - Vec<T>{};
}

#if defined(__AVX2__)
ZEBRA_INLINE __m256i first_lanes(int64_t count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
#endif

// The first `count` < kLanes values; the other lanes are 0 and are not touched in memory.
template <class T>
ZEBRA_INLINE Vec<T> load_some(const T* from, int64_t count) {
#if defined(__AVX512F__) && ZEBRA_VECTOR_BYTES == 64
  const unsigned mask = (1u << count) - 1;
  if constexpr (sizeof(T) == 4)
    return (Vec<T>)_mm512_maskz_loadu_ps(static_cast<__mmask16>(mask), from);
  else
    return (Vec<T>)_mm512_maskz_loadu_pd(static_cast<__mmask8>(mask), from);
#endif
#if defined(__AVX2__) && ZEBRA_VECTOR_BYTES == 32
  if constexpr (sizeof(T) == 4) return (Vec<T>)_mm256_maskload_ps(from, first_lanes(count));
#endif
  Vec<T> value{};
  for (int64_t i = 0; i < count; ++i) value[i] = from[i];
  return value;
}
template <class T>
ZEBRA_INLINE void store_some(T* to, Vec<T> value, int64_t count) {
#if defined(__AVX512F__) && ZEBRA_VECTOR_BYTES == 64
  const unsigned mask = (1u << count) - 1;
  if constexpr (sizeof(T) == 4)
    _mm512_mask_storeu_ps(to, static_cast<__mmask16>(mask), (__m512)value);
  else
    _mm512_mask_storeu_pd(to, static_cast<__mmask8>(mask), (__m512d)value);
  return;
#endif
#if defined(__AVX2__) && ZEBRA_VECTOR_BYTES == 32
  if constexpr (sizeof(T) == 4) {  // masked stores are slow on some processors
    __m128 part = _mm256_castps256_ps128((__m256)value);
    if (count & 4) {
      _mm_storeu_ps(to, part);
      part = _mm256_extractf128_ps((__m256)value, 1);
      to += 4;
    }
    if (count & 2) {
      _mm_storel_pi(reinterpret_cast<__m64*>(to), part);
      part = _mm_movehl_ps(part, part);
      to += 2;
    }
    if (count & 1) _mm_store_ss(to, part);
    return;
  }
#endif
  for (int64_t i = 0; i < count; ++i) to[i] = value[i];
}

// Calls body(offset, load, store) for the vectors of a row of n values; the last may be partial.
template <class T, class Body>
ZEBRA_INLINE void for_row(int64_t n, Body&& body) {
  int64_t i = 0;
  for (; i + kLanes<T> <= n; i += kLanes<T>) {
    body(i, [](const T* p) { return load(p); }, [](T* p, Vec<T> v) { store(p, v); });
  }
  if (i < n) {
    const int64_t rest = n - i;
    body(i, [rest](const T* p) { return load_some(p, rest); }, [rest](T* p, Vec<T> v) { store_some(p, v, rest); });
  }
}

template <class T>
ZEBRA_INLINE T sum_lanes(Vec<T> value) {
  T total = 0;
  for (int i = 0; i < kLanes<T>; ++i) total += value[i];
  return total;
}

template <class T>
ZEBRA_INLINE Vec<T> max_lanes(Vec<T> a, Vec<T> b) {
  return a > b ? a : b;
}

// One round over pairs of rows at distance Step: the first keeps the lanes with bit Step clear of both, the second
// those with it set.
template <class T, int Step, int... I>
ZEBRA_INLINE void exchange(Vec<T>& a, Vec<T>& b, std::integer_sequence<int, I...>) {
  constexpr int lanes = kLanes<T>;
  const Vec<T> low = __builtin_shufflevector(a, b, ((I & Step) ? I - Step + lanes : I)...);
  b = __builtin_shufflevector(a, b, ((I & Step) ? I + lanes : I + Step)...);
  a = low;
}
// Lane i of the result is the sum over the lanes of rows[i]; the kLanes rows are overwritten.
template <class T, int Step = 1>
ZEBRA_INLINE Vec<T> sum_each(Vec<T>* rows) {
  if constexpr (Step < kLanes<T>) {
#pragma GCC unroll 16
    for (int i = 0; i < kLanes<T>; i += 2 * Step) {
      exchange<T, Step>(rows[i], rows[i + Step], std::make_integer_sequence<int, kLanes<T>>());
      rows[i] += rows[i + Step];
    }
    return sum_each<T, 2 * Step>(rows);
  }
  return rows[0];
}
// kLanes rows become columns.
template <class T, int Step = 1>
ZEBRA_INLINE void transpose(Vec<T>* rows) {
  if constexpr (Step < kLanes<T>) {
#pragma GCC unroll 16
    for (int i = 0; i < kLanes<T>; ++i) {
      if (!(i & Step)) exchange<T, Step>(rows[i], rows[i + Step], std::make_integer_sequence<int, kLanes<T>>());
    }
    transpose<T, 2 * Step>(rows);
  }
}

template <class T>
ZEBRA_INLINE Vec<T> sqrt_lanes(Vec<T> x) {
#if defined(__AVX__) && ZEBRA_VECTOR_BYTES == 32
  if constexpr (sizeof(T) == 4) return (Vec<T>)_mm256_sqrt_ps((__m256)x);
#endif
#if defined(__AVX512F__) && ZEBRA_VECTOR_BYTES == 64
  if constexpr (sizeof(T) == 4) return (Vec<T>)_mm512_maskz_sqrt_ps(0xffff, (__m512)x);
#endif
  for (int i = 0; i < kLanes<T>; ++i) x[i] = std::sqrt(x[i]);
  return x;
}

// e^x to 2 ulp. Below the range of normal numbers it gives 0, above it infinity.
ZEBRA_INLINE Vec<float> exp_lanes(Vec<float> x) {
  const Vec<float> low = all(-87.3f), high = all(88.7f);
  const Vec<float> clamped = x < low ? low : (x > high ? high : x);
  // x = n ln 2 + r; adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits.
  const Vec<float> magic = all(12582912.0f);
  const Vec<float> shifted = clamped * 1.44269504088896341f + magic;
  const Vec<float> n = shifted - magic;
  const Vec<float> r = (clamped - n * 0.693359375f) + n * 2.12194440e-4f;
  Vec<float> p = all(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const Vec<uint32_t> exponent = (Vec<uint32_t>)shifted << 23;  // the low bits of `shifted` count from magic's
  const Vec<float> result = (Vec<float>)((Vec<uint32_t>)p + exponent);
  const Vec<float> zero{};
  const Vec<float> bounded = x < low ? zero : result;
  return x > high ? all(__builtin_inff()) : bounded;
}
ZEBRA_INLINE Vec<double> exp_lanes(Vec<double> x) {
  for (int i = 0; i < kLanes<double>; ++i) x[i] = std::exp(x[i]);
  return x;
}

// 2^x to 2 ulp for x below 128; 0 below -126. Fewer steps than exp_lanes.
ZEBRA_INLINE Vec<float> exp2_lanes(Vec<float> x) {
  const Vec<float> magic = all(12582912.0f);
  const Vec<float> shifted = x + magic, r = x - (shifted - magic);
  Vec<float> p = all(1.535336188319500e-4f);
  p = p * r + 1.339887440266574e-3f;
  p = p * r + 9.618437357674640e-3f;
  p = p * r + 5.550332471162809e-2f;
  p = p * r + 2.402264791363012e-1f;
  p = p * r + 6.931472028550421e-1f;
  p = p * r + 1.0f;
  const Vec<float> result = (Vec<float>)((Vec<uint32_t>)p + ((Vec<uint32_t>)shifted << 23)), zero{};
  return x < -126.0f ? zero : result;
}
ZEBRA_INLINE Vec<double> exp2_lanes(Vec<double> x) {
  for (int i = 0; i < kLanes<double>; ++i) x[i] = std::exp2(x[i]);
  return x;
}

template <class T>
ZEBRA_INLINE Vec<T> sigmoid(Vec<T> x) {
  return T(1) / (T(1) + exp_lanes(-x));
}

}  // namespace zebra::kernels::ZEBRA_ISA
