#pragma once
// Any head dim, fp32 or bf16: a warp has one row of the state and steps through the tokens one by one, in fp32. Slow,
// but as plain as the definition.
#include <cuda_bf16.h>

#include "kernels/cuda/ssd_chunk/launch.h"

namespace zebra::kernels {

// Each: columns of the state that a lane holds at most.
template <class T, int Each>
__global__ void __launch_bounds__(256) ssd_general(const __grid_constant__ SsdChunk p) {
  const int lane = threadIdx.x % 32, rows = (p.dim + 7) / 8;  // a block has 8 rows of a head
  const int row = static_cast<int>(blockIdx.x % rows) * 8 + static_cast<int>(threadIdx.x) / 32;
  const int head = blockIdx.x / rows % p.heads, kv = head / (p.heads / p.kv_heads);
  const int64_t batch = blockIdx.x / rows / p.heads;
  if (row >= p.dim) return;
  const T* x = static_cast<const T*>(p.x) + batch * p.x_batch + kv * p.x_head + row;
  const T* B = static_cast<const T*>(p.B) + batch * p.B_batch + kv * p.B_head;
  const T* C = static_cast<const T*>(p.C) + batch * p.C_batch + head * p.C_head;
  T* y = static_cast<T*>(p.y) + batch * p.y_batch + head * p.y_head + row;
  const float *dt = p.dt + batch * p.dt_batch + head, A = p.A[head], D = p.D[head];
  const uint8_t* starts = p.starts == nullptr ? nullptr : p.starts + batch * p.length;
  const int64_t state = ((batch * p.heads + head) * p.dim + row) * p.dim;
  const int64_t real = p.lengths == nullptr ? p.length : min(p.length, static_cast<int64_t>(max(p.lengths[batch], 0)));
  float h[Each];
#pragma unroll
  for (int i = 0; i < Each; ++i) {
    h[i] = p.initial != nullptr && lane + 32 * i < p.dim ? p.initial[state + lane + 32 * i] : 0;
  }
  for (int64_t t = 0; t < real; ++t) {
    const float step = dt[t * p.dt_token], value = static_cast<float>(x[t * p.x_token]), input = step * value;
    const float decay = starts != nullptr && starts[t] != 0 ? 0 : expf(step * A);
    float sum = 0;
#pragma unroll
    for (int i = 0; i < Each; ++i) {
      const int n = lane + 32 * i;
      if (n >= p.dim) continue;
      h[i] = decay * h[i] + input * static_cast<float>(B[t * p.B_token + n]);
      sum += h[i] * static_cast<float>(C[t * p.C_token + n]);
    }
#pragma unroll
    for (int shift = 16; shift > 0; shift /= 2) sum += __shfl_xor_sync(~0u, sum, shift);
    if (lane == 0) y[t * p.y_token] = static_cast<T>(sum + D * value);
  }
  for (int64_t t = real + lane; t < p.length; t += 32) y[t * p.y_token] = static_cast<T>(0.0f);
  if (p.final_state == nullptr) return;
#pragma unroll
  for (int i = 0; i < Each; ++i) {
    if (lane + 32 * i < p.dim) p.final_state[state + lane + 32 * i] = h[i];
  }
}

constexpr int kSsdLargestDim = 512;

inline const char* launch_ssd_general(const SsdChunk& p, const SsdForm& /*form*/) {
  const int64_t blocks = static_cast<int64_t>(p.batch) * p.heads * ((p.dim + 7) / 8);
  if (blocks > 0x7fffffff) return "ssd_chunk: too many sequences for one launch";
  const auto run = [&](auto kernel) {
    kernel<<<static_cast<unsigned>(blocks), 256, 0, static_cast<cudaStream_t>(p.stream)>>>(p);
  };
  if (p.fp32) {
    p.dim <= 128 ? run(ssd_general<float, 4>) : run(ssd_general<float, kSsdLargestDim / 32>);
  } else {
    p.dim <= 128 ? run(ssd_general<__nv_bfloat16, 4>) : run(ssd_general<__nv_bfloat16, kSsdLargestDim / 32>);
  }
  const cudaError_t error = cudaGetLastError();
  return error == cudaSuccess ? nullptr : cudaGetErrorString(error);
}

}  // namespace zebra::kernels
