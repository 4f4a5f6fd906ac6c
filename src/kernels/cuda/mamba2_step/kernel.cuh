#pragma once
// A block has one group of one sequence: the heads that share x and B. Each thread first asks for its share of the
// states, 16 bytes at a time, and computes the convolution while they are on their way.
#include <cuda_bf16.h>

#include "kernels/cuda/mamba2_step/launch.h"

namespace zebra::kernels {

// What a block works on, as the general form sees it too.
struct Mamba2Group {
  int group, shared_heads, groups, sequence;
  int64_t d_inner, d_xb, channels, x_from, b_from, c_from;  // columns of `projected`
  __device__ Mamba2Group(const Mamba2Step& p, uint32_t index) {
    groups = p.repeat ? p.heads : p.kv_heads, shared_heads = p.heads / groups;
    group = index % groups, sequence = index / groups;
    d_inner = static_cast<int64_t>(p.heads) * p.dim, d_xb = static_cast<int64_t>(p.kv_heads) * p.dim;
    channels = d_inner + 2ll * groups * p.dim;
    const int source = p.repeat ? group / (p.heads / p.kv_heads) : group;
    x_from = d_inner + source * p.dim, b_from = x_from + d_xb;
    c_from = d_inner + 2 * d_xb + static_cast<int64_t>(group) * shared_heads * p.dim;
  }
  // Of the (2 + shared_heads) * dim channels that the block needs (x, B, then C of its heads), the i-th: its place in
  // the convolution and its input's in `projected`.
  __device__ int64_t channel(const Mamba2Step& p, int i) const {
    if (i < p.dim) return static_cast<int64_t>(group) * p.dim + i;
    if (i < 2 * p.dim) return static_cast<int64_t>(groups + group) * p.dim + i - p.dim;
    return (2ll * groups + static_cast<int64_t>(group) * shared_heads) * p.dim + i - 2 * p.dim;
  }
  __device__ int64_t input(const Mamba2Step& p, int i) const {
    return i < p.dim ? x_from + i : i < 2 * p.dim ? b_from + i - p.dim : c_from + i - 2 * p.dim;
  }
};

__device__ __forceinline__ float silu(float x) {
  return x / (1 + __expf(-x));
}
__device__ __forceinline__ float softplus(float x) {
  return x > 20 ? x : log1pf(__expf(x));
}
__device__ __forceinline__ float2 widen(__nv_bfloat162 x) {
  return __bfloat1622float2(x);
}

// 16 bytes of a state.
template <class T>
struct Chunk;
template <>
struct Chunk<float> {
  static constexpr int kCount = 4;
  static __device__ void unpack(const uint4& raw, float (&to)[4]) {
    to[0] = __uint_as_float(raw.x), to[1] = __uint_as_float(raw.y);
    to[2] = __uint_as_float(raw.z), to[3] = __uint_as_float(raw.w);
  }
  static __device__ uint4 pack(const float (&from)[4]) {
    return {__float_as_uint(from[0]), __float_as_uint(from[1]), __float_as_uint(from[2]), __float_as_uint(from[3])};
  }
};
template <>
struct Chunk<__nv_bfloat16> {
  static constexpr int kCount = 8;
  static __device__ void unpack(const uint4& raw, float (&to)[8]) {
    const uint32_t words[4] = {raw.x, raw.y, raw.z, raw.w};
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      to[2 * i] = __uint_as_float(words[i] << 16), to[2 * i + 1] = __uint_as_float(words[i] & 0xffff0000u);
    }
  }
  static __device__ uint4 pack(const float (&from)[8]) {
    uint32_t words[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(words[i]) : "f"(from[2 * i + 1]), "f"(from[2 * i]));
    }
    return {words[0], words[1], words[2], words[3]};
  }
};

// T: of the state. Threads: of a head. Heads: of the group at a time. The caches are told that states are not read
// again soon.
template <class T, int Dim, int Threads, int Heads>
__global__ void __launch_bounds__(Threads* Heads) mamba2_step(const __grid_constant__ Mamba2Step p) {
  constexpr int kVector = Chunk<T>::kCount, kLanes = Dim / kVector, kRows = Threads / kLanes, kPasses = Dim / kRows;
  constexpr int kTaps = 4, kPerLane = Dim / 32;
  static_assert(kLanes <= 32 && Dim % kRows == 0 && Threads % 32 == 0);
  extern __shared__ float conv[];  // [2 + shared heads, Dim]: x, B, C of each head
  __shared__ float mixed[Heads][Dim];
  const Mamba2Group g(p, blockIdx.x);
  const int slot = p.slots[g.sequence];
  const int local = threadIdx.x / Threads, thread = threadIdx.x % Threads;
  auto* const out = static_cast<__nv_bfloat16*>(p.out) + g.sequence * p.out_stride;
  const auto* const projected = static_cast<const __nv_bfloat16*>(p.projected) + g.sequence * p.projected_stride;
  if (slot < 0) {
    for (int i = threadIdx.x; i < g.shared_heads * Dim; i += Threads * Heads) {
      out[static_cast<int64_t>(g.group) * g.shared_heads * Dim + i] = __float2bfloat16(0);
    }
    return;
  }

  uint4 raw[kPasses];
  const auto state_of = [&](int head) {
    return reinterpret_cast<uint4*>(static_cast<T*>(p.state) + slot * p.state_slot +
                                    static_cast<int64_t>(head) * Dim * Dim) +
           thread;
  };
  const auto read = [&](int head) {
    const uint4* from = state_of(head);
#pragma unroll
    for (int i = 0; i < kPasses; ++i) raw[i] = __ldcs(from + i * Threads);
  };
  const int first_head = g.group * g.shared_heads;
  if (local < g.shared_heads) read(first_head + local);

  {
    auto* const past = static_cast<__nv_bfloat16*>(p.conv) + slot * p.conv_slot;
    for (int i = 2 * threadIdx.x; i < (2 + g.shared_heads) * Dim; i += 2 * Threads * Heads) {
      const int64_t channel = g.channel(p, i);
      auto* at = reinterpret_cast<__nv_bfloat162*>(past + channel);
      const int64_t row = g.channels / 2;
      const __nv_bfloat162 x0 = at[0], x1 = at[row], x2 = at[2 * row];
      const __nv_bfloat162 now = *reinterpret_cast<const __nv_bfloat162*>(projected + g.input(p, i));
      const uint4 taps =
          *reinterpret_cast<const uint4*>(static_cast<const __nv_bfloat16*>(p.conv_weight) + channel * kTaps);
      float w[8];
      Chunk<__nv_bfloat16>::unpack(taps, w);
      const float2 bias =
          widen(*reinterpret_cast<const __nv_bfloat162*>(static_cast<const __nv_bfloat16*>(p.conv_bias) + channel));
      const float2 a0 = widen(x0), a1 = widen(x1), a2 = widen(x2), a3 = widen(now);
      conv[i] = silu(bias.x + w[0] * a0.x + w[1] * a1.x + w[2] * a2.x + w[3] * a3.x);
      conv[i + 1] = silu(bias.y + w[4] * a0.y + w[5] * a1.y + w[6] * a2.y + w[7] * a3.y);
      at[0] = x1, at[row] = x2, at[2 * row] = now;
    }
  }

  for (int first = 0; first < g.shared_heads; first += Heads) {
    const int in_group = first + local, head = first_head + in_group;
    const bool real = in_group < g.shared_heads;
    float z[kPerLane], dt = 0, decay = 0;
    if (real) {
      dt = softplus(__bfloat162float(projected[2 * g.d_inner + 2 * g.d_xb + head]) + p.dt_bias[head]);
      decay = __expf(-__expf(p.A_log[head]) * dt);
      if (thread < 32) {
#pragma unroll
        for (int i = 0; i < kPerLane; ++i)
          z[i] = __bfloat162float(projected[static_cast<int64_t>(head) * Dim + i * 32 + thread]);
      }
    }
    __syncthreads();
    if (real) {
      const float *x = conv, *b = conv + Dim + thread % kLanes * kVector,
                  *c = conv + (2 + in_group) * Dim + thread % kLanes * kVector;
      float bs[kVector], cs[kVector];
#pragma unroll
      for (int n = 0; n < kVector; ++n) bs[n] = b[n], cs[n] = c[n];
      uint4* const to = state_of(head);
      float sums[kPasses];
#pragma unroll
      for (int i = 0; i < kPasses; ++i) {
        const float in = dt * x[i * kRows + thread / kLanes];
        float h[kVector];
        Chunk<T>::unpack(raw[i], h);
        sums[i] = 0;
#pragma unroll
        for (int n = 0; n < kVector; ++n) h[n] = h[n] * decay + in * bs[n], sums[i] += h[n] * cs[n];
        __stcs(to + i * Threads, Chunk<T>::pack(h));
      }
      if (first + Heads + local < g.shared_heads) read(head + Heads);
#pragma unroll
      for (int i = 0; i < kPasses; ++i) {
#pragma unroll
        for (int shift = kLanes / 2; shift > 0; shift /= 2) sums[i] += __shfl_xor_sync(~0u, sums[i], shift);
        if (thread % kLanes == 0) mixed[local][i * kRows + thread / kLanes] = sums[i];
      }
    }
    __syncthreads();
    if (real && thread < 32) {
      float gated[kPerLane], squares = 0;
#pragma unroll
      for (int i = 0; i < kPerLane; ++i) {
        const int at = i * 32 + thread;
        gated[i] = (mixed[local][at] + p.D[head] * conv[at]) * silu(z[i]);
        squares += gated[i] * gated[i];
      }
      for (int shift = 16; shift > 0; shift /= 2) squares += __shfl_xor_sync(~0u, squares, shift);
      const float scale = rsqrtf(squares / Dim + p.eps);
#pragma unroll
      for (int i = 0; i < kPerLane; ++i) {
        const int64_t at = static_cast<int64_t>(head) * Dim + i * 32 + thread;
        out[at] = __float2bfloat16(gated[i] * scale * p.norm_weight[at]);
      }
    }
  }
}

template <class T, int Dim, int Threads, int Heads>
const char* launch_mamba2_step_fixed(const Mamba2Step& p) {
  const int groups = p.repeat ? p.heads : p.kv_heads, shared = (2 + p.heads / groups) * Dim * 4;
  mamba2_step<T, Dim, Threads, Heads>
      <<<p.batch * groups, Threads * Heads, shared, static_cast<cudaStream_t>(p.stream)>>>(p);
  const cudaError_t error = cudaGetLastError();
  return error == cudaSuccess ? nullptr : cudaGetErrorString(error);
}
template <class T, int Dim, int Threads, int Heads>
constexpr Mamba2StepForm mamba2_step_form(const char* name) {
  return {.name = name,
          .dim = Dim,
          .state_bf16 = sizeof(T) == 2,
          .heads = Heads,
          .launch = launch_mamba2_step_fixed<T, Dim, Threads, Heads>};
}

}  // namespace zebra::kernels
