#pragma once
// A block walks through the chunks of one segment with the state of its heads in registers, fp32: a warpgroup has 64
// rows of a head's state, and computes as many columns of y. Per chunk, with c_i the sum of log2 decays up to token i:
//   scores S_ij = (C_i . B_j) dt_j 2^(c_i - c_j) for j <= i, and D on the diagonal
//   y_i         = 2^(c_i) h C_i + sum over j of S_ij x_j
//   h           = 2^(c_63) h + sum over j of 2^(c_63 - c_j) dt_j x_j B_j^T
// Every exponent is at most 0, so nothing overflows. dt goes into the exponent as log2(dt): a step of length 0, such as
// all of the padding, has weight 2^-inf = 0. One barrier a chunk where states have two copies in shared memory.
#include <cuda_runtime.h>

#include "kernels/cuda/common/wgmma.cuh"
#include "kernels/cuda/ssd_chunk/launch.h"

namespace zebra::kernels {

// Head dim, heads of a block, blocks of a head, chunks in shared memory, copies of the state there, blocks that share a
// multiprocessor, products by warpgroups.
template <int Dim, int Heads, int Split, int Stages, int Copies, int Blocks, bool Warpgroups>
struct SsdFixed {
  static constexpr int kDim = Dim, kHeads = Heads, kSplit = Split, kStages = Stages, kCopies = Copies, kBlocks = Blocks;
  static constexpr bool kWarpgroups = Warpgroups;
  static constexpr int kPanels = Dim / 64, kRowPanels = kPanels / Split, kGroups = Heads * kRowPanels;
  static constexpr int kThreads = 128 * kGroups, kPanel = 64 * ptx::kPanelRow;
  // In shared memory, in this order: stages of B | x | C of each head, copies of the state of each warpgroup, dt of
  // each stage and head, and what a warp knows of its head's chunk.
  static constexpr int kStage = (kPanels + kRowPanels + Heads * kPanels) * kPanel, kState = kGroups * kPanels * kPanel;
  static constexpr int kDtFrom = Stages * kStage + Copies * kState, kScanFrom = kDtFrom + Stages * Heads * 256;
  static constexpr int kShared = kScanFrom + kGroups * 4 * 512, kAlignment = 1024;
  static_assert(Dim % 64 == 0 && kPanels % Split == 0 && Stages >= 2 && Copies >= 1 && Copies <= 2);
};

// What a block works on.
struct SsdSegment {
  int64_t batch, begin, end;  // row, tokens [begin, end), of which those below `real` are no padding
  int64_t real;
  int number, head, part;  // of the segment; the first head; the part of its rows
  __device__ SsdSegment(const SsdChunk& p, int heads, int split) {
    int unit = blockIdx.x;
    part = unit % split, unit /= split;
    head = unit % (p.heads / heads) * heads, unit /= p.heads / heads;
    number = unit % p.segments, batch = unit / p.segments;
    const int64_t chunks = (p.length + kSsdChunk - 1) / kSsdChunk, each = (chunks + p.segments - 1) / p.segments;
    begin = min(number * each * kSsdChunk, p.length), end = min(begin + each * kSsdChunk, p.length);
    real = p.lengths == nullptr ? end : min(end, max(begin, static_cast<int64_t>(p.lengths[batch])));
  }
};

// 64 rows of Columns values each, of which those from `real` on become 0.
template <int Columns, int Threads>
__device__ __forceinline__ void copy_rows(uint32_t to, const __nv_bfloat16* from, int64_t stride, int real) {
  constexpr int kPieces = Columns / 8, kStep = Threads / kPieces;
  static_assert(kStep % 8 == 0 && 64 % kStep == 0);
  const int row = threadIdx.x / kPieces, piece = threadIdx.x % kPieces;
  const __nv_bfloat16* at = from + row * stride + piece * 8;
  to += piece / 8 * (64 * ptx::kPanelRow) + ptx::panel_offset(row, piece % 8);
#pragma unroll
  for (int i = 0; i < 64 / kStep; ++i) {
    const bool is_real = row + i * kStep < real;
    ptx::copy16(to + i * kStep * ptx::kPanelRow, is_real ? at : from, is_real ? 16 : 0);
    at += kStep * stride;
  }
}

// Four lanes hold two values each of a row's 8 columns, for 4 groups of columns: afterwards each lane has all 8 of one.
__device__ __forceinline__ void exchange(uint32_t (&v)[4]) {
  const bool odd = threadIdx.x & 1, high = threadIdx.x & 2;
#pragma unroll
  for (int k = 0; k < 4; k += 2) {
    const uint32_t got = __shfl_xor_sync(~0u, odd ? v[k] : v[k + 1], 1);
    v[k] = odd ? got : v[k], v[k + 1] = odd ? v[k + 1] : got;
  }
#pragma unroll
  for (int k = 0; k < 2; ++k) {
    const uint32_t got = __shfl_xor_sync(~0u, high ? v[k] : v[k + 2], 2);
    v[k] = high ? got : v[k], v[k + 2] = high ? v[k + 2] : got;
  }
}

__device__ __forceinline__ float log2_of(float x) {
  float y;
  asm("lg2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

// StateOnly: what the segment adds to a state of zeros, and its decay, into the workspace; nothing else.
template <class F, bool StateOnly>
__global__ void __launch_bounds__(F::kThreads, F::kBlocks) ssd_chunk(const __grid_constant__ SsdChunk p) {
#if defined(__CUDA_ARCH__) && !defined(__CUDA_ARCH_FEAT_SM90_ALL)
  if constexpr (F::kWarpgroups) return;  // never launched on such a GPU
#endif
  constexpr int kPanels = F::kPanels, kSteps = F::kDim / 16;
  extern __shared__ uint8_t raw[];
  uint8_t* const shared = raw + (-ptx::shared_address(raw) & (F::kAlignment - 1));
  const uint32_t base = ptx::shared_address(shared);
  const SsdSegment s(p, F::kHeads, F::kSplit);
  const int group = threadIdx.x / 128, warp = threadIdx.x / 32 % 4, lane = threadIdx.x % 32, g = lane / 4, q = lane % 4;
  const int local_head = group / F::kRowPanels, row_panel = group % F::kRowPanels;
  const int head = s.head + local_head, kv = s.head / (p.heads / p.kv_heads);
  const int first_row = (s.part * F::kRowPanels + row_panel) * 64;  // of the head's state, of this warpgroup

  const auto* const from_x =
      static_cast<const __nv_bfloat16*>(p.x) + s.batch * p.x_batch + kv * p.x_head + s.part * F::kRowPanels * 64;
  const auto* const from_B = static_cast<const __nv_bfloat16*>(p.B) + s.batch * p.B_batch + kv * p.B_head;
  const auto* const from_C = static_cast<const __nv_bfloat16*>(p.C) + s.batch * p.C_batch + s.head * p.C_head;
  const float* const from_dt = p.dt + s.batch * p.dt_batch + s.head;
  const int chunks = static_cast<int>((s.real - s.begin + kSsdChunk - 1) / kSsdChunk);
  const auto load = [&](int chunk) {
    const int64_t token = s.begin + static_cast<int64_t>(chunk) * kSsdChunk;
    const int real = static_cast<int>(min(s.real - token, static_cast<int64_t>(kSsdChunk))), stage = chunk % F::kStages;
    const uint32_t to = base + stage * F::kStage;
    copy_rows<F::kDim, F::kThreads>(to, from_B + token * p.B_token, p.B_token, real);
    copy_rows<64 * F::kRowPanels, F::kThreads>(to + kPanels * F::kPanel, from_x + token * p.x_token, p.x_token, real);
    if constexpr (!StateOnly) {
#pragma unroll
      for (int i = 0; i < F::kHeads; ++i) {
        copy_rows<F::kDim, F::kThreads>(to + (kPanels + F::kRowPanels + i * kPanels) * F::kPanel,
                                        from_C + token * p.C_token + i * p.C_head, p.C_token, real);
      }
    }
    if (threadIdx.x < 64 * F::kHeads) {
      const int row = threadIdx.x % 64, i = threadIdx.x / 64;
      const bool is_real = row < real;
      ptx::copy4(base + F::kDtFrom + (stage * F::kHeads + i) * 256 + row * 4,
                 is_real ? from_dt + (token + row) * p.dt_token + i : from_dt, is_real ? 4 : 0);
    }
  };
#pragma unroll
  for (int i = 0; i < F::kStages - 1; ++i) {
    if (i < chunks) load(i);
    ptx::commit();
  }

  float h[kPanels][8][4];
  const int64_t states = static_cast<int64_t>(F::kDim) * F::kDim;
  float* const between =
      p.segments > 1 ? p.workspace + ((s.batch * p.segments + s.number) * p.heads + head) * states : nullptr;
  const auto each_state = [&](auto* from, auto use) {
#pragma unroll
    for (int n = 0; n < kPanels; ++n) {
#pragma unroll
      for (int t = 0; t < 8; ++t) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          const int row = first_row + 16 * warp + g + 8 * half, column = 64 * n + 8 * t + 2 * q;
          use(from + row * F::kDim + column, h[n][t][2 * half], h[n][t][2 * half + 1]);
        }
      }
    }
  };
  {
    const float* initial = StateOnly ? nullptr : between;
    if (!StateOnly && p.segments == 1 && p.initial != nullptr)
      initial = p.initial + (s.batch * p.heads + head) * states;
    if (initial != nullptr) {
      each_state(initial, [](const float* from, float& a, float& b) {
        const float2 both = *reinterpret_cast<const float2*>(from);
        a = both.x, b = both.y;
      });
    } else {
      each_state(p.workspace, [](const float*, float& a, float& b) { a = b = 0; });
    }
  }

  const float rate = p.A[head] * 1.4426950408889634f, skip = StateOnly ? 0 : p.D[head];
  float total = 0;  // log2 of the segment's decay
  auto* const scan = reinterpret_cast<float*>(shared + F::kScanFrom) + (group * 4 + warp) * 128;  // c [64], c - log2 dt
  const int r0 = 16 * warp + g, r1 = r0 + 8;

  for (int chunk = 0; chunk < chunks; ++chunk) {
    const int stage = chunk % F::kStages;
    const int64_t token = s.begin + static_cast<int64_t>(chunk) * kSsdChunk;
    const uint32_t state_at =
        base + F::kStages * F::kStage + (chunk % F::kCopies * F::kGroups + group) * kPanels * F::kPanel;
    if constexpr (!StateOnly) {
      if (F::kCopies == 1) ptx::barrier(1 + group, 128);  // the last chunk's reads of the state are over
      uint8_t* const to = shared + (state_at - base);
#pragma unroll
      for (int n = 0; n < kPanels; ++n) {
#pragma unroll
        for (int t = 0; t < 8; ++t) {
          *reinterpret_cast<uint32_t*>(to + n * F::kPanel + ptx::panel_offset(r0, t) + 4 * q) =
              ptx::pack(h[n][t][0], h[n][t][1]);
          *reinterpret_cast<uint32_t*>(to + n * F::kPanel + ptx::panel_offset(r1, t) + 4 * q) =
              ptx::pack(h[n][t][2], h[n][t][3]);
        }
      }
    }
    ptx::wait_copies<F::kStages - 2>();
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
    if constexpr (F::kWarpgroups) ptx::fence_matrix_unit();  // the matrix unit reads what threads wrote
#endif
    __syncthreads();
    if (chunk + F::kStages - 1 < chunks) load(chunk + F::kStages - 1);
    ptx::commit();

    const uint32_t at_B = base + stage * F::kStage, at_x = at_B + (kPanels + row_panel) * F::kPanel;
    const uint32_t at_C = at_B + (kPanels + F::kRowPanels + local_head * kPanels) * F::kPanel;
    float scores[8][4], y[8][4];
    if constexpr (!StateOnly) {
      if constexpr (F::kWarpgroups) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
        ptx::products_begin();
#pragma unroll
        for (int k = 0; k < kSteps; ++k) {
          const int panel = k / 4 * F::kPanel, piece = 2 * (k % 4);
          ptx::warpgroup_multiply(scores, ptx::panel_descriptor(at_C + panel) + piece,
                                  ptx::panel_descriptor(at_B + panel) + piece, k > 0);
        }
#pragma unroll
        for (int k = 0; k < kSteps; ++k) {
          const int panel = k / 4 * F::kPanel, piece = 2 * (k % 4);
          ptx::warpgroup_multiply(y, ptx::panel_descriptor(at_C + panel) + piece,
                                  ptx::panel_descriptor(state_at + panel) + piece, k > 0);
        }
        ptx::products_commit();
#endif
      } else {
#pragma unroll
        for (int t = 0; t < 8; ++t) {
#pragma unroll
          for (int i = 0; i < 4; ++i) scores[t][i] = y[t][i] = 0;
        }
#pragma unroll
        for (int k = 0; k < kSteps; ++k) {
          const int panel = k / 4 * F::kPanel;
          uint32_t c[4];
          ptx::load_matrices(c, at_C + panel + ptx::panel_offset(16 * warp + (lane & 15), 2 * (k % 4) + (lane >> 4)));
          ptx::warp_multiply<false>(scores, c, at_B + panel, 16 * (k % 4), warp + 1);
          ptx::warp_multiply<false>(y, c, state_at + panel, 16 * (k % 4), 4);
        }
      }
    }

    // Every warp finds the sums of log decays by itself.
    float whole;
    {
      const float2 dt =
          reinterpret_cast<const float2*>(shared + F::kDtFrom + (stage * F::kHeads + local_head) * 256)[lane];
      float a = dt.x * rate, b = dt.y * rate;
      if (p.starts != nullptr) {  // 2^-256 is 0
        const uint8_t* at = p.starts + s.batch * p.length + token + 2 * lane;
        if (token + 2 * lane < s.real && at[0] != 0) a -= 256;
        if (token + 2 * lane + 1 < s.real && at[1] != 0) b -= 256;
      }
      float sum = a + b;
#pragma unroll
      for (int shift = 1; shift < 32; shift *= 2) {
        const float before = __shfl_up_sync(~0u, sum, shift);
        if (lane >= shift) sum += before;
      }
      const float first = sum - b;
      reinterpret_cast<float2*>(scan)[lane] = {first, sum};
      reinterpret_cast<float2*>(scan + 64)[lane] = {first - log2_of(dt.x), sum - log2_of(dt.y)};
      whole = __shfl_sync(~0u, sum, 31);
      total += whole;
      __syncwarp();
    }

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
    if constexpr (F::kWarpgroups) ptx::products_wait<0>();
#endif
    const float decay = ptx::exp2(whole);
#pragma unroll
    for (int n = 0; n < kPanels; ++n) {
#pragma unroll
      for (int t = 0; t < 8; ++t) {
#pragma unroll
        for (int i = 0; i < 4; ++i) h[n][t][i] *= decay;
      }
    }

    if constexpr (!StateOnly) {
      const float c0 = scan[r0], c1 = scan[r1], e0 = ptx::exp2(c0), e1 = ptx::exp2(c1);
#pragma unroll
      for (int t = 0; t < 8; ++t) y[t][0] *= e0, y[t][1] *= e0, y[t][2] *= e1, y[t][3] *= e1;
      uint32_t weights[4][4];
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        if (k > warp) {
          weights[k][0] = weights[k][1] = weights[k][2] = weights[k][3] = 0;
          continue;
        }
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          const int j = 16 * k + 8 * half + 2 * q;
          const float2 l = *reinterpret_cast<const float2*>(scan + 64 + j);
          float(&v)[4] = scores[2 * k + half];
          v[0] *= ptx::exp2(c0 - l.x), v[1] *= ptx::exp2(c0 - l.y);
          v[2] *= ptx::exp2(c1 - l.x), v[3] *= ptx::exp2(c1 - l.y);
          if (k == warp) {
            v[0] = j < r0 ? v[0] : j == r0 ? v[0] + skip : 0, v[1] = j + 1 < r0 ? v[1] : j + 1 == r0 ? v[1] + skip : 0;
            v[2] = j < r1 ? v[2] : j == r1 ? v[2] + skip : 0, v[3] = j + 1 < r1 ? v[3] : j + 1 == r1 ? v[3] + skip : 0;
          }
          weights[k][2 * half] = ptx::pack(v[0], v[1]), weights[k][2 * half + 1] = ptx::pack(v[2], v[3]);
        }
      }
      if constexpr (F::kWarpgroups) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
        ptx::products_begin();
#pragma unroll
        for (int k = 0; k < 4; ++k) {
          ptx::warpgroup_multiply<true>(y, weights[k], ptx::panel_descriptor(at_x) + 128 * k, true);
        }
        ptx::products_commit();
#endif
      } else {
#pragma unroll
        for (int k = 0; k < 4; ++k) {
          if (k <= warp) ptx::warp_multiply<true>(y, weights[k], at_x, 16 * k, 4);
        }
      }
    }

    {  // The state takes the chunk in.
      uint32_t x[4][4];
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        ptx::load_matrices_transposed(
            x[k], at_x + ptx::panel_offset(16 * k + (lane & 7) + ((lane & 16) >> 1), 2 * warp + ((lane >> 3) & 1)));
        const float2 l0 = *reinterpret_cast<const float2*>(scan + 64 + 16 * k + 2 * q);
        const float2 l1 = *reinterpret_cast<const float2*>(scan + 64 + 16 * k + 8 + 2 * q);
        const float w[2][2] = {{ptx::exp2(whole - l0.x), ptx::exp2(whole - l0.y)},
                               {ptx::exp2(whole - l1.x), ptx::exp2(whole - l1.y)}};
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          x[k][i] = ptx::pack(__uint_as_float(x[k][i] << 16) * w[i / 2][0],
                              __uint_as_float(x[k][i] & 0xffff0000u) * w[i / 2][1]);
        }
      }
      if constexpr (F::kWarpgroups) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
        ptx::products_begin();
#pragma unroll
        for (int n = 0; n < kPanels; ++n) {
#pragma unroll
          for (int k = 0; k < 4; ++k) {
            ptx::warpgroup_multiply<true>(h[n], x[k], ptx::panel_descriptor(at_B + n * F::kPanel) + 128 * k, true);
          }
        }
        ptx::products_commit();
        ptx::products_wait<1>();  // y is done
#endif
      } else {
#pragma unroll
        for (int n = 0; n < kPanels; ++n) {
#pragma unroll
          for (int k = 0; k < 4; ++k) ptx::warp_multiply<true>(h[n], x[k], at_B + n * F::kPanel, 16 * k, 4);
        }
      }
    }

    if constexpr (!StateOnly) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int64_t t = token + (half == 0 ? r0 : r1);
        auto* const to =
            static_cast<__nv_bfloat16*>(p.y) + s.batch * p.y_batch + t * p.y_token + head * p.y_head + first_row;
#pragma unroll
        for (int quarter = 0; quarter < 2; ++quarter) {
          uint32_t v[4];
#pragma unroll
          for (int i = 0; i < 4; ++i) v[i] = ptx::pack(y[4 * quarter + i][2 * half], y[4 * quarter + i][2 * half + 1]);
          exchange(v);
          if (t < s.end) *reinterpret_cast<uint4*>(to + (4 * quarter + q) * 8) = {v[0], v[1], v[2], v[3]};
        }
      }
    }
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
    if constexpr (F::kWarpgroups) ptx::products_wait<0>();
#endif
  }

  if constexpr (StateOnly) {
    each_state(between, [](float* to, float a, float b) { *reinterpret_cast<float2*>(to) = {a, b}; });
    if (threadIdx.x % 128 == 0 && first_row == 0) {
      p.workspace[static_cast<int64_t>(p.batch) * p.segments * p.heads * states +
                  (s.batch * p.segments + s.number) * p.heads + head] = ptx::exp2(total);
    }
  } else {
    if (p.final_state != nullptr && s.number == p.segments - 1) {
      each_state(p.final_state + (s.batch * p.heads + head) * states,
                 [](float* to, float a, float b) { *reinterpret_cast<float2*>(to) = {a, b}; });
    }
    constexpr int kPieces = F::kRowPanels * 8;
    const int64_t empty = s.begin + static_cast<int64_t>(chunks) * kSsdChunk;
    for (int64_t i = threadIdx.x; i < (s.end - empty) * F::kHeads * kPieces; i += F::kThreads) {
      const int64_t t = empty + i / (F::kHeads * kPieces), in_token = i % (F::kHeads * kPieces);
      auto* const to = static_cast<__nv_bfloat16*>(p.y) + s.batch * p.y_batch + t * p.y_token;
      *reinterpret_cast<uint4*>(to + (s.head + in_token / kPieces) * p.y_head + s.part * F::kRowPanels * 64 +
                                in_token % kPieces * 8) = {0, 0, 0, 0};
    }
  }
}

const char* join_segments(const SsdChunk& p);

template <class F>
const char* launch_ssd_fixed(const SsdChunk& p, const SsdForm& form) {
  const int64_t blocks = static_cast<int64_t>(p.batch) * p.segments * (p.heads / F::kHeads) * F::kSplit;
  if (blocks > 0x7fffffff) return "ssd_chunk: too many sequences for one launch";
  const auto run = [&](const void* kernel) {
    const auto shared = static_cast<int>(form.shared_bytes);
    cudaError_t error = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared);
    if (error == cudaSuccess) {
      void* arguments[] = {const_cast<SsdChunk*>(&p)};
      error = cudaLaunchKernel(kernel, dim3(static_cast<unsigned>(blocks)), dim3(F::kThreads), arguments,
                               static_cast<size_t>(shared), static_cast<cudaStream_t>(p.stream));
    }
    return error == cudaSuccess ? nullptr : cudaGetErrorString(error);
  };
  if (p.segments > 1) {
    if (const char* wrong = run(reinterpret_cast<const void*>(ssd_chunk<F, true>))) return wrong;
    if (const char* wrong = join_segments(p)) return wrong;
  }
  return run(reinterpret_cast<const void*>(ssd_chunk<F, false>));
}

template <class F>
constexpr SsdForm ssd_fixed_form(const char* name) {
  return {.name = name,
          .dim = F::kDim,
          .blocks = F::kBlocks,
          .heads = F::kHeads,
          .split = F::kSplit,
          .threads = F::kThreads,
          .shared_bytes = F::kShared + F::kAlignment,
          .needs_sm90a = F::kWarpgroups,
          .launch = launch_ssd_fixed<F>};
}

}  // namespace zebra::kernels
