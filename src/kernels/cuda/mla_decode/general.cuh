#pragma once
// MLA decoding for any rank and rope (multiples of 16) and any page: one kernel with run-time dimensions. The eight
// warps of a block share each tile of keys: first over rows and keys for the scores, then over columns for the output.
// Pairs: of 8 columns that a warp can hold, so rank <= 128 * Pairs.
#include "kernels/cuda/mla_decode/combine.cuh"

namespace zebra::kernels {

struct MlaGeneral {
  static constexpr int kRows = 32, kKeys = 32, kThreads = 256, kScorePitch = kKeys + 4, kWeightPitch = kKeys + 8;
  static constexpr int64_t shared_bytes(int64_t width, int stages) {
    return (kRows + stages * kKeys) * (width + 8) * 2 + kRows * kScorePitch * 4 + kRows * kWeightPitch * 2 +
           3 * kRows * 4;
  }
};

template <int Pairs>
__global__ void __launch_bounds__(MlaGeneral::kThreads)
    mla_decode_general(const __grid_constant__ MlaDecode p, int stages) {
  using G = MlaGeneral;
  extern __shared__ __align__(128) uint8_t shared[];
  const int width = p.rank + p.rope, pitch = width + 8, chunks = width / 8, total_rows = p.s_q * p.heads;
  uint8_t* const ring = shared + G::kRows * pitch * 2;
  float* const scores = reinterpret_cast<float*>(ring + stages * G::kKeys * pitch * 2);  // [rows, keys]
  auto* const weights = reinterpret_cast<__nv_bfloat16*>(scores + G::kRows * G::kScorePitch);
  float* const maxima = reinterpret_cast<float*>(weights + G::kRows * G::kWeightPitch);
  float *const sums = maxima + G::kRows, *const shrink = sums + G::kRows;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const float scale = p.scale * 1.4426950408889634f;
  ptx::let_next_begin();

  for (int index = blockIdx.x, next; index >= 0; index = next) {
    const MlaItem item = p.items[index];
    next = item.next;
    const int length = item.length, first_row = item.row_block * G::kRows;
    const int count = (item.last - item.first + G::kKeys - 1) / G::kKeys;
    const auto load = [&](int tile) {
      const uint32_t to = ptx::shared_address(ring) + tile % stages * G::kKeys * pitch * 2;
      const int first = item.first + tile * G::kKeys;
      for (int i = threadIdx.x; i < G::kKeys * chunks; i += G::kThreads) {
        const int key = min(first + i / chunks, item.last - 1);
        const int64_t page = __ldg(p.table + item.sequence * p.table_stride + key / p.page);
        const auto* from = static_cast<const __nv_bfloat16*>(p.pages) + page * p.page_stride +
                           static_cast<int64_t>(key % p.page) * width + i % chunks * 8;
        ptx::copy16(to + (i / chunks * pitch + i % chunks * 8) * 2, from, first + i / chunks < item.last ? 16 : 0);
      }
      ptx::commit();
    };
    if (count > 0) load(0);
    for (int i = threadIdx.x; i < G::kRows * chunks; i += G::kThreads) {
      const int local = i / chunks, column = i % chunks * 8, row = first_row + local;
      uint4 value = {0, 0, 0, 0};
      if (row < total_rows) {
        value = *reinterpret_cast<const uint4*>(static_cast<const __nv_bfloat16*>(p.q) + item.sequence * p.q_batch +
                                                row / p.heads * p.q_token + row % p.heads * p.q_head + column);
      }
      *reinterpret_cast<uint4*>(shared + (local * pitch + column) * 2) = value;
    }
    if (threadIdx.x < G::kRows) maxima[threadIdx.x] = -INFINITY, sums[threadIdx.x] = 0;

    float out[2][2 * Pairs][4] = {};
    for (int tile = 0; tile < count; ++tile) {
      ptx::wait_copies<0>();
      __syncthreads();
      if (stages > 1 && tile + 1 < count) load(tile + 1);
      const uint32_t keys = ptx::shared_address(ring) + tile % stages * G::kKeys * pitch * 2;

      // Scores: warp w has rows 16 * (w / 4) .. and keys 8 * (w % 4) ..
      float score[4] = {};
      const uint32_t query_lane =
          ptx::shared_address(shared) + ((warp / 4 * 16 + lane % 16) * pitch + lane / 16 * 8) * 2;
      const uint32_t key_lane = keys + ((warp % 4 * 8 + lane % 8) * pitch + lane / 8 * 8) * 2;
      int column = 0;
      for (; column + 32 <= width; column += 32) {
        uint32_t a[4], a2[4], b[4];
        ptx::load_matrices(b, key_lane + column * 2);
        ptx::load_matrices(a, query_lane + column * 2);
        ptx::load_matrices(a2, query_lane + (column + 16) * 2);
        ptx::multiply(score, a, b[0], b[1]);
        ptx::multiply(score, a2, b[2], b[3]);
      }
      if (column < width) {  // the last 16; the right half of the load would lie behind the row's end
        uint32_t a[4], b[4];
        ptx::load_matrices(b, keys + ((warp % 4 * 8 + lane % 8) * pitch + column + lane / 8 % 2 * 8) * 2);
        ptx::load_matrices(a, query_lane + column * 2);
        ptx::multiply(score, a, b[0], b[1]);
      }
      const int score_row = warp / 4 * 16 + lane / 4, score_key = warp % 4 * 8 + lane % 4 * 2;
      for (int i = 0; i < 4; ++i) {
        const int local = score_row + i / 2 * 8, key = item.first + tile * G::kKeys + score_key + i % 2;
        const int limit = min(item.last, length - p.s_q + (first_row + local) / p.heads + 1);
        scores[local * G::kScorePitch + score_key + i % 2] = key < limit ? score[i] * scale : -INFINITY;
      }
      __syncthreads();
      // Softmax: eight lanes a row, four keys a lane.
      const int local = threadIdx.x / 8, first = threadIdx.x % 8 * 4;
      float4 value = *reinterpret_cast<float4*>(scores + local * G::kScorePitch + first);
      float top = fmaxf(fmaxf(value.x, value.y), fmaxf(value.z, value.w));
      for (int shift = 4; shift > 0; shift /= 2) top = fmaxf(top, __shfl_xor_sync(~0u, top, shift));
      const float before = maxima[local], most = fmaxf(before, top), base = most == -INFINITY ? 0 : most;
      value = {ptx::exp2(value.x - base), ptx::exp2(value.y - base), ptx::exp2(value.z - base),
               ptx::exp2(value.w - base)};
      float sum = value.x + value.y + value.z + value.w;
      for (int shift = 4; shift > 0; shift /= 2) sum += __shfl_xor_sync(~0u, sum, shift);
      *reinterpret_cast<uint2*>(weights + local * G::kWeightPitch + first) = {ptx::pack(value.x, value.y),
                                                                              ptx::pack(value.z, value.w)};
      __syncwarp();  // all eight have read the maximum
      if (first == 0) {
        shrink[local] = ptx::exp2(before - base);
        sums[local] = sums[local] * shrink[local] + sum;
        maxima[local] = most;
      }
      __syncthreads();
      // Output: warp w has the pairs w, w + 8, .. of 16 columns.
      uint32_t a[2][2][4];
      for (int t = 0; t < 2; ++t) {
        for (int k = 0; k < 2; ++k) {
          ptx::load_matrices(a[t][k], ptx::shared_address(weights) +
                                          ((t * 16 + lane % 16) * G::kWeightPitch + k * 16 + lane / 16 * 8) * 2);
        }
        const float low = shrink[t * 16 + lane / 4], high = shrink[t * 16 + 8 + lane / 4];
#pragma unroll
        for (int n = 0; n < 2 * Pairs; ++n) {
          out[t][n][0] *= low, out[t][n][1] *= low, out[t][n][2] *= high, out[t][n][3] *= high;
        }
      }
#pragma unroll
      for (int n = 0; n < Pairs; ++n) {
        const int from = (n * 8 + warp) * 16;
        if (from < p.rank) {
#pragma unroll
          for (int k = 0; k < 2; ++k) {
            uint32_t b[4];
            ptx::load_matrices_transposed(b, keys + ((k * 16 + lane % 16) * pitch + from + lane / 16 * 8) * 2);
#pragma unroll
            for (int t = 0; t < 2; ++t) {
              ptx::multiply(out[t][2 * n], a[t][k], b[0], b[1]);
              ptx::multiply(out[t][2 * n + 1], a[t][k], b[2], b[3]);
            }
          }
        }
      }
      if (stages == 1 && tile + 1 < count) {
        __syncthreads();
        load(tile + 1);
      }
    }
    __syncthreads();

#pragma unroll
    for (int t = 0; t < 2; ++t) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int local = t * 16 + half * 8 + lane / 4, row = first_row + local;
        const float total = sums[local], inverse = total > 0 ? 1 / total : 0;
        const float log_sum = total > 0 ? maxima[local] + log2f(total) : -INFINITY;
        const int token = row / p.heads, head = row % p.heads;
        const int64_t place = static_cast<int64_t>(item.part) * G::kRows + local;
        auto* to =
            static_cast<__nv_bfloat16*>(p.out) + item.sequence * p.out_batch + token * p.out_token + head * p.out_head;
#pragma unroll
        for (int n = 0; n < 2 * Pairs; ++n) {
          const int column = (n / 2 * 8 + warp) * 16 + n % 2 * 8 + lane % 4 * 2;
          const float2 value = {out[t][n][2 * half] * inverse, out[t][n][2 * half + 1] * inverse};
          if (column >= p.rank) continue;
          if (item.part >= 0) {
            *reinterpret_cast<float2*>(p.part_out + place * p.rank + column) = value;
          } else if (row < total_rows) {
            *reinterpret_cast<uint32_t*>(to + column) = ptx::pack(value.x, value.y);
          }
        }
        if (warp == 0 && lane % 4 == 0) {
          if (item.part >= 0) {
            p.part_log_sum[place] = log_sum;
          } else if (row < total_rows && p.log_sum != nullptr) {
            p.log_sum[(static_cast<int64_t>(item.sequence) * p.s_q + token) * p.heads + head] = log_sum;
          }
        }
      }
    }
    __syncthreads();
  }
}

}  // namespace zebra::kernels
