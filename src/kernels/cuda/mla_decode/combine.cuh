#pragma once
// Joins the partial results of a sequence that several items shared: each is a softmax over its own keys with the
// base-2 logarithm of its sum, so their mean weighted by those sums is the softmax over all keys.
#include "kernels/cuda/common/ptx.cuh"
#include "kernels/cuda/mla_decode/launch.h"

namespace zebra::kernels {

// Four columns of one row, of some parts: sum / total is their value.
struct MlaJoined {
  float most = -INFINITY, total = 0;
  float4 sum = {0, 0, 0, 0};
  __device__ void add(const MlaJoined& more) {
    const float top = fmaxf(most, more.most);
    if (top == -INFINITY) return;
    const float own = ptx::exp2(most - top), other = ptx::exp2(more.most - top);
    total = total * own + more.total * other;
    sum = {sum.x * own + more.sum.x * other, sum.y * own + more.sum.y * other, sum.z * own + more.sum.z * other,
           sum.w * own + more.sum.w * other};
    most = top;
  }
};

// Parts begin, begin + step, .. of a unit, eight loads at a time. Read around L1: other multiprocessors wrote them.
__device__ __forceinline__ MlaJoined mla_join_parts(const MlaDecode& p, int rows, int local, int column, MlaParts unit,
                                                    int begin, int step) {
  constexpr int kAtOnce = 8;
  MlaJoined joined;
  for (int first = begin; first < unit.count; first += kAtOnce * step) {
    float log_sum[kAtOnce];
    float4 value[kAtOnce];
#pragma unroll
    for (int i = 0; i < kAtOnce; ++i) {
      const int part = first + i * step;
      const int64_t place = static_cast<int64_t>(unit.first + min(part, unit.count - 1)) * rows + local;
      log_sum[i] = __ldcg(p.part_log_sum + place);
      value[i] = __ldcg(reinterpret_cast<const float4*>(p.part_out + place * p.rank + column));
      if (part >= unit.count) log_sum[i] = -INFINITY;
    }
    float top = joined.most;
#pragma unroll
    for (int i = 0; i < kAtOnce; ++i) top = fmaxf(top, log_sum[i]);
    if (top == -INFINITY) continue;
    const float shrink = ptx::exp2(joined.most - top);
    joined.most = top, joined.total *= shrink;
    joined.sum.x *= shrink, joined.sum.y *= shrink, joined.sum.z *= shrink, joined.sum.w *= shrink;
#pragma unroll
    for (int i = 0; i < kAtOnce; ++i) {
      const float weight = ptx::exp2(log_sum[i] - top);
      joined.total += weight;
      joined.sum.x += weight * value[i].x, joined.sum.y += weight * value[i].y;
      joined.sum.z += weight * value[i].z, joined.sum.w += weight * value[i].w;
    }
  }
  return joined;
}

__device__ __forceinline__ void mla_write_joined(const MlaDecode& p, int sequence, int row, int column,
                                                 const MlaJoined& joined) {
  const float inverse = joined.total > 0 ? 1 / joined.total : 0;
  const int token = row / p.heads, head = row % p.heads;
  auto* const out =
      static_cast<__nv_bfloat16*>(p.out) + sequence * p.out_batch + token * p.out_token + head * p.out_head + column;
  *reinterpret_cast<uint2*>(out) = {ptx::pack(joined.sum.x * inverse, joined.sum.y * inverse),
                                    ptx::pack(joined.sum.z * inverse, joined.sum.w * inverse)};
  if (p.log_sum != nullptr && column == 0) {
    p.log_sum[(static_cast<int64_t>(sequence) * p.s_q + token) * p.heads + head] =
        joined.total > 0 ? joined.most + log2f(joined.total) : -INFINITY;
  }
}

// A block a row; of its warps, warp w has the parts w, w + warps, ..
constexpr int kMlaJoinMost = 16;
__global__ void mla_join(const __grid_constant__ MlaDecode p, int rows, int row_blocks);

}  // namespace zebra::kernels
