#pragma once
// MLA decoding for one rank and rope. A block holds its rows of queries in shared memory. Each of its warps streams
// every Warps-th tile of the latents through a ring of its own, so that warps never wait for one another: a tile is key
// and value both, read once from memory and twice from shared memory. A warp keeps scores, softmax and output of all 16
// * Tiles rows in registers (mma.sync). When an item ends, the warps' outputs are joined through the ring's memory. Why
// not wgmma: with 32 heads and one new token, half of its 64 rows would be empty, and mma.sync needs about 40 % of its
// rate to keep up with the memory.
#include "kernels/cuda/mla_decode/combine.cuh"

namespace zebra::kernels {

// Ahead: the scores of a tile are formed before the output of the one before, so that products wait less for each
// other; it costs a stage.
template <int Rank, int Rope, int Tiles, int Warps, int TileKeys, int Stages, int BlocksPerSm, bool Ahead>
struct MlaFixed {
  static constexpr int kRank = Rank, kRope = Rope, kTiles = Tiles, kWarps = Warps;
  static constexpr int kTileKeys = TileKeys, kStages = Stages, kBlocks = BlocksPerSm;
  static constexpr bool kAhead = Ahead;
  static constexpr int kWidth = Rank + Rope;
  static constexpr int kPitch = kWidth + 8;  // elements: an odd number of 16 bytes, so that 8 rows meet all banks
  static constexpr int kThreads = 32 * Warps;
  static constexpr int kRows = 16 * Tiles;
  static constexpr int kOutPitch = Rank + 8;  // floats
  static constexpr int kStageBytes = TileKeys * kPitch * 2;
  static constexpr int kRingBytes = Warps * Stages * kStageBytes;
  static constexpr int kJoinBytes = Warps * kRows * kOutPitch * 4;
  static constexpr int kQueryBytes = kRows * kPitch * 2;
  static constexpr int kSumBytes = 2 * Warps * kRows * 4;
  static constexpr int kShared = kQueryBytes + (kRingBytes > kJoinBytes ? kRingBytes : kJoinBytes) + kSumBytes;
  static_assert(Rank % 16 == 0 && Rope % 16 == 0 && TileKeys % 16 == 0 && Stages >= (Ahead ? 3 : 2));
};

// Where the tiles of a warp lie: each lane looks up the page of one tile, 32 tiles at a time and one such batch ahead,
// so that the table's latency is not seen.
template <class F>
struct MlaTiles {
  const MlaDecode& p;
  const MlaItem item;
  const int warp, count;  // tiles of this warp
  const __nv_bfloat16 *now, *next;

  __device__ MlaTiles(const MlaDecode& p, const MlaItem& item, int warp)
      : p(p), item(item), warp(warp), count(tiles(item, warp)), now(look_up(0)), next(look_up(32)) {}
  static __device__ int tiles(const MlaItem& item, int warp) {
    const int all = (item.last - item.first + F::kTileKeys - 1) / F::kTileKeys;
    return all > warp ? (all - warp + F::kWarps - 1) / F::kWarps : 0;
  }
  __device__ int first_key(int tile) const { return item.first + (tile * F::kWarps + warp) * F::kTileKeys; }
  __device__ const __nv_bfloat16* look_up(int first) const {
    const int tile = first + threadIdx.x % 32;
    if (tile >= count) return nullptr;
    const int key = first_key(tile);
    const int64_t page = __ldg(p.table + item.sequence * p.table_stride + key / p.page);
    return static_cast<const __nv_bfloat16*>(p.pages) + page * p.page_stride +
           static_cast<int64_t>(key % p.page) * F::kWidth;
  }
  // To be called with tile = 0, 1, 2 .. by whole warps.
  __device__ const __nv_bfloat16* address(int tile) {
    if (tile > 0 && tile % 32 == 0) now = next, next = look_up(tile + 32);
    return reinterpret_cast<const __nv_bfloat16*>(
        __shfl_sync(~0u, reinterpret_cast<unsigned long long>(now), tile % 32));
  }
};

template <class F>
__device__ __forceinline__ void mla_load_tile(const __nv_bfloat16* from, uint32_t to, int keys) {
  constexpr int kRowChunks = F::kWidth / 8, kChunks = F::kTileKeys * kRowChunks;
#pragma unroll
  for (int i = 0; i < (kChunks + 31) / 32; ++i) {
    const int chunk = i * 32 + threadIdx.x % 32;
    if (kChunks % 32 == 0 || chunk < kChunks) {
      const int key = chunk / kRowChunks;
      ptx::copy16(to + (chunk + key) * 16, from + chunk * 8, key < keys ? 16 : 0);
    }
  }
}

template <class F>
__global__ void __launch_bounds__(F::kThreads, F::kBlocks) mla_decode_fixed(const __grid_constant__ MlaDecode p) {
  constexpr int kTiles = F::kTiles, kKeyTiles = F::kTileKeys / 8, kSteps = F::kWidth / 16, kOutTiles = F::kRank / 8;
  extern __shared__ __align__(128) uint8_t shared[];
  uint8_t* const ring = shared + F::kQueryBytes;
  float* const joined = reinterpret_cast<float*>(ring);
  float* const maxima = reinterpret_cast<float*>(shared + F::kShared - F::kSumBytes);  // [warps, rows]
  float* const sums = maxima + F::kWarps * F::kRows;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int total_rows = p.s_q * p.heads;
  const uint32_t query = ptx::shared_address(shared);
  const uint32_t own_ring = ptx::shared_address(ring) + warp * F::kStages * F::kStageBytes;
  // Within a 16 x 16 tile of ldmatrix: queries (rows, then columns), keys (columns, then rows), values as queries.
  const uint32_t query_lane = query + (lane % 16 * F::kPitch + lane / 16 * 8) * 2;
  const uint32_t key_lane = ((lane % 8 + lane / 16 * 8) * F::kPitch + lane / 8 % 2 * 8) * 2;
  const uint32_t value_lane = (lane % 16 * F::kPitch + lane / 16 * 8) * 2;
  const float scale = p.scale * 1.4426950408889634f;  // to base 2

  ptx::let_next_begin();

  for (int index = blockIdx.x, next; index >= 0; index = next) {
    const MlaItem item = p.items[index];
    next = item.next;
    const int length = item.length, first_row = item.row_block * F::kRows;
    MlaTiles<F> tiles(p, item, warp);
    ptx::wait_for_previous();
    const auto load = [&](int tile) {
      if (tile < tiles.count) {
        mla_load_tile<F>(tiles.address(tile), own_ring + tile % F::kStages * F::kStageBytes,
                         item.last - tiles.first_key(tile));
      }
      ptx::commit();
    };
#pragma unroll
    for (int tile = 0; tile < F::kStages - 1; ++tile) load(tile);

    for (int i = threadIdx.x; i < F::kRows * (F::kWidth / 8); i += F::kThreads) {
      const int local = i / (F::kWidth / 8), column = i % (F::kWidth / 8) * 8, row = first_row + local;
      uint4 value = {0, 0, 0, 0};
      if (row < total_rows) {
        value = *reinterpret_cast<const uint4*>(static_cast<const __nv_bfloat16*>(p.q) + item.sequence * p.q_batch +
                                                row / p.heads * p.q_token + row % p.heads * p.q_head + column);
      }
      *reinterpret_cast<uint4*>(shared + (local * F::kPitch + column) * 2) = value;
    }
    __syncthreads();

    float out[kTiles][kOutTiles][4] = {};
    float most[kTiles][2], sum[kTiles][2] = {};
    int limit[kTiles][2];  // keys that a row sees
#pragma unroll
    for (int t = 0; t < kTiles; ++t) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int row = first_row + t * 16 + half * 8 + lane / 4;
        most[t][half] = -INFINITY;
        limit[t][half] = min(item.last, length - p.s_q + row / p.heads + 1);
      }
    }

    using Scores = float[kTiles][kKeyTiles][4];
    using Weights = uint32_t[kTiles][kKeyTiles / 2][4];  // the scores' layout is that of a product's left side
    const auto keys_of = [&](int tile) { return own_ring + tile % F::kStages * F::kStageBytes; };
    // One of kSteps steps of 16 columns of the scores of a tile.
    const auto score_step = [&](uint32_t keys, int step, Scores& score) {
      uint32_t a[kTiles][4];
#pragma unroll
      for (int t = 0; t < kTiles; ++t) {
        ptx::load_matrices(a[t], query_lane + (t * 16 * F::kPitch + step * 16) * 2);
      }
#pragma unroll
      for (int k = 0; k < kKeyTiles / 2; ++k) {
        uint32_t b[4];
        ptx::load_matrices(b, keys + key_lane + (k * 16 * F::kPitch + step * 16) * 2);
#pragma unroll
        for (int t = 0; t < kTiles; ++t) {
          if (step == 0) {
#pragma unroll
            for (int i = 0; i < 4; ++i) score[t][2 * k][i] = score[t][2 * k + 1][i] = 0;
          }
          ptx::multiply(score[t][2 * k], a[t], b[0], b[1]);
          ptx::multiply(score[t][2 * k + 1], a[t], b[2], b[3]);
        }
      }
    };
    // One of kOutSteps steps of the output: 16 keys against 16 columns.
    constexpr int kOutSteps = kKeyTiles / 2 * (kOutTiles / 2);
    const auto out_step = [&](uint32_t keys, int step, const Weights& weight) {
      const int k = step / (kOutTiles / 2), n = step % (kOutTiles / 2);
      uint32_t b[4];
      ptx::load_matrices_transposed(b, keys + value_lane + (k * 16 * F::kPitch + n * 16) * 2);
#pragma unroll
      for (int t = 0; t < kTiles; ++t) {
        ptx::multiply(out[t][2 * n], weight[t][k], b[0], b[1]);
        ptx::multiply(out[t][2 * n + 1], weight[t][k], b[2], b[3]);
      }
    };
    const auto weigh = [&](int tile, Scores& score, Weights& weight) {
      const int first_key = tiles.first_key(tile);
      if (first_key + F::kTileKeys > min(item.last, length - p.s_q + 1)) {
#pragma unroll
        for (int t = 0; t < kTiles; ++t) {
#pragma unroll
          for (int k = 0; k < kKeyTiles; ++k) {
#pragma unroll
            for (int i = 0; i < 4; ++i) {
              if (first_key + k * 8 + lane % 4 * 2 + i % 2 >= limit[t][i / 2]) score[t][k][i] = -INFINITY;
            }
          }
        }
      }

      // The softmax so far: the output is scaled again only when some row's maximum grows, which soon becomes rare.
      float shrink[kTiles][2], base[kTiles][2];
      bool grew = false;
#pragma unroll
      for (int t = 0; t < kTiles; ++t) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          float top = most[t][half];
#pragma unroll
          for (int k = 0; k < kKeyTiles; ++k) {
            top = fmaxf(top, fmaxf(score[t][k][2 * half], score[t][k][2 * half + 1]));
          }
          top = fmaxf(top, __shfl_xor_sync(~0u, top, 1));
          top = fmaxf(top, __shfl_xor_sync(~0u, top, 2));
          grew |= top > most[t][half];
          base[t][half] = top == -INFINITY ? 0 : top * scale;
          shrink[t][half] = ptx::exp2(most[t][half] * scale - base[t][half]);
          most[t][half] = top;
        }
      }
      if (__any_sync(~0u, grew)) {
#pragma unroll
        for (int t = 0; t < kTiles; ++t) {
          sum[t][0] *= shrink[t][0], sum[t][1] *= shrink[t][1];
#pragma unroll
          for (int n = 0; n < kOutTiles; ++n) {
            out[t][n][0] *= shrink[t][0], out[t][n][1] *= shrink[t][0];
            out[t][n][2] *= shrink[t][1], out[t][n][3] *= shrink[t][1];
          }
        }
      }
#pragma unroll
      for (int t = 0; t < kTiles; ++t) {
#pragma unroll
        for (int k = 0; k < kKeyTiles; ++k) {
#pragma unroll
          for (int half = 0; half < 2; ++half) {
            const float e0 = ptx::exp2(score[t][k][2 * half] * scale - base[t][half]);
            const float e1 = ptx::exp2(score[t][k][2 * half + 1] * scale - base[t][half]);
            sum[t][half] += e0 + e1;
            weight[t][k / 2][k % 2 * 2 + half] = ptx::pack(e0, e1);
          }
        }
      }
    };

    Scores score;
    Weights weight;
    if constexpr (F::kAhead) {
      ptx::wait_copies<F::kStages - 2>();
      __syncwarp();
#pragma unroll
      for (int step = 0; step < kSteps; ++step) score_step(keys_of(0), step, score);
      for (int tile = 0; tile < tiles.count; ++tile) {
        ptx::wait_copies<F::kStages - 3>();
        __syncwarp();
        load(tile + F::kStages - 1);  // into the stage that all have left
        weigh(tile, score, weight);
        // No branches from here, so that the two chains of products mix. Behind the last tile lies an old one, whose
        // scores are not used.
#pragma unroll
        for (int step = 0; step <= kSteps; ++step) {
          if (step < kSteps) score_step(keys_of(tile + 1), step, score);
          if (step == 0) continue;
#pragma unroll
          for (int i = 0; i < kOutSteps; ++i) {
            if (i >= kOutSteps * (step - 1) / kSteps && i < kOutSteps * step / kSteps) {
              out_step(keys_of(tile), i, weight);
            }
          }
        }
      }
    } else {
      for (int tile = 0; tile < tiles.count; ++tile) {
        ptx::wait_copies<F::kStages - 2>();
        __syncwarp();
        load(tile + F::kStages - 1);
#pragma unroll
        for (int step = 0; step < kSteps; ++step) score_step(keys_of(tile), step, score);
        weigh(tile, score, weight);
#pragma unroll
        for (int step = 0; step < kOutSteps; ++step) out_step(keys_of(tile), step, weight);
      }
    }

    // Join the warps. A row that saw nothing has the maximum -inf and the sum 0.
    ptx::wait_copies<0>();
#pragma unroll
    for (int t = 0; t < kTiles; ++t) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        sum[t][half] += __shfl_xor_sync(~0u, sum[t][half], 1);
        sum[t][half] += __shfl_xor_sync(~0u, sum[t][half], 2);
        if (lane % 4 == 0) {
          const int local = t * 16 + half * 8 + lane / 4;
          maxima[warp * F::kRows + local] = most[t][half] * scale;
          sums[warp * F::kRows + local] = sum[t][half];
        }
      }
    }
    __syncthreads();
#pragma unroll
    for (int t = 0; t < kTiles; ++t) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int local = t * 16 + half * 8 + lane / 4;
        float top = -INFINITY;
        for (int g = 0; g < F::kWarps; ++g) top = fmaxf(top, maxima[g * F::kRows + local]);
        const float factor = top == -INFINITY ? 0 : ptx::exp2(most[t][half] * scale - top);
        float* to = joined + (warp * F::kRows + local) * F::kOutPitch + lane % 4 * 2;
#pragma unroll
        for (int n = 0; n < kOutTiles; ++n) {
          *reinterpret_cast<float2*>(to + n * 8) = {out[t][n][2 * half] * factor, out[t][n][2 * half + 1] * factor};
        }
      }
    }
    __syncthreads();
    for (int i = threadIdx.x; i < F::kRows * (F::kRank / 4); i += F::kThreads) {
      const int local = i / (F::kRank / 4), column = i % (F::kRank / 4) * 4, row = first_row + local;
      float top = -INFINITY, total = 0;
      float4 value = {0, 0, 0, 0};
#pragma unroll
      for (int g = 0; g < F::kWarps; ++g) top = fmaxf(top, maxima[g * F::kRows + local]);
#pragma unroll
      for (int g = 0; g < F::kWarps; ++g) {
        const float own = maxima[g * F::kRows + local];
        if (own > -INFINITY) total += sums[g * F::kRows + local] * ptx::exp2(own - top);
        const float4 more = *reinterpret_cast<float4*>(joined + (g * F::kRows + local) * F::kOutPitch + column);
        value.x += more.x, value.y += more.y, value.z += more.z, value.w += more.w;
      }
      const float inverse = total > 0 ? 1 / total : 0;
      value.x *= inverse, value.y *= inverse, value.z *= inverse, value.w *= inverse;
      const float log_sum = total > 0 ? top + log2f(total) : -INFINITY;
      if (item.part >= 0) {
        const int64_t place = static_cast<int64_t>(item.part) * F::kRows + local;
        *reinterpret_cast<float4*>(p.part_out + place * F::kRank + column) = value;
        if (column == 0) p.part_log_sum[place] = log_sum;
      } else if (row < total_rows) {
        const int token = row / p.heads, head = row % p.heads;
        auto* to = static_cast<__nv_bfloat16*>(p.out) + item.sequence * p.out_batch + token * p.out_token +
                   head * p.out_head + column;
        *reinterpret_cast<uint2*>(to) = {ptx::pack(value.x, value.y), ptx::pack(value.z, value.w)};
        if (p.log_sum != nullptr && column == 0) {
          p.log_sum[(static_cast<int64_t>(item.sequence) * p.s_q + token) * p.heads + head] = log_sum;
        }
      }
    }
    __syncthreads();
  }
}

// The stream's launch, with what every form needs said once.
const char* launch_mla_kernel(const void* kernel, const MlaDecode& p, const MlaForm& form);

template <class F>
const char* launch_mla_fixed(const MlaDecode& p, const MlaForm& form) {
  return launch_mla_kernel(reinterpret_cast<const void*>(mla_decode_fixed<F>), p, form);
}

template <class F>
constexpr MlaForm mla_fixed_form(const char* name) {
  return {.name = name,
          .rank = F::kRank,
          .rope = F::kRope,
          .rows = F::kRows,
          .keys = F::kTileKeys,
          .threads = F::kThreads,
          .blocks = F::kBlocks,
          .shared_bytes = F::kShared,
          .launch = launch_mla_fixed<F>};
}

}  // namespace zebra::kernels
