#pragma once
// Products of 64 rows by a warpgroup (sm_90a), or by its four warps on their own where there is none. Operands lie in
// shared memory as panels of 64 bf16 columns: rows of 128 bytes, of which the 16-byte pieces are permuted by the row.
#include "kernels/cuda/common/ptx.cuh"

namespace zebra::kernels::ptx {

constexpr int kPanelRow = 128;  // bytes

// Of a panel's byte at (row, 16-byte piece).
__device__ __forceinline__ uint32_t panel_offset(int row, int piece) {
  return static_cast<uint32_t>(row * kPanelRow + ((piece ^ (row & 7)) << 4));
}

// The matrix unit's description of a panel that begins at a multiple of 1024 bytes: permuted rows of 128 bytes (1 in
// the two highest bits), 1024 bytes from eight rows to the next eight. Addresses count 16 bytes.
__device__ __forceinline__ uint64_t panel_descriptor(uint32_t address) {
  constexpr uint64_t kPermuted = 1ull << 62, kEightRows = 1024 >> 4;
  return kPermuted | kEightRows << 32 | kEightRows << 16 | (address & 0x3ffff) >> 4;
}

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
__device__ __forceinline__ void products_begin() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
__device__ __forceinline__ void products_commit() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
template <int Pending>
__device__ __forceinline__ void products_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(Pending) : "memory");
}
// c [64, 64] (+)= a [64, 16] b [16, 64]; AcrossRows: b's first index is the panel's row, else its column. a lies in
// registers, as products of single warps want it, or in a panel.
#define ZEBRA_SUMS                                                                                             \
  "+f"(c[0][0]), "+f"(c[0][1]), "+f"(c[0][2]), "+f"(c[0][3]), "+f"(c[1][0]), "+f"(c[1][1]), "+f"(c[1][2]),     \
      "+f"(c[1][3]), "+f"(c[2][0]), "+f"(c[2][1]), "+f"(c[2][2]), "+f"(c[2][3]), "+f"(c[3][0]), "+f"(c[3][1]), \
      "+f"(c[3][2]), "+f"(c[3][3]), "+f"(c[4][0]), "+f"(c[4][1]), "+f"(c[4][2]), "+f"(c[4][3]), "+f"(c[5][0]), \
      "+f"(c[5][1]), "+f"(c[5][2]), "+f"(c[5][3]), "+f"(c[6][0]), "+f"(c[6][1]), "+f"(c[6][2]), "+f"(c[6][3]), \
      "+f"(c[7][0]), "+f"(c[7][1]), "+f"(c[7][2]), "+f"(c[7][3])
#define ZEBRA_SUM_NAMES                                                                    \
  "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, " \
  "%19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31}, "
template <bool AcrossRows>
__device__ __forceinline__ void warpgroup_multiply(float (&c)[8][4], const uint32_t (&a)[4], uint64_t b, bool add) {
  asm volatile(
      "{\n.reg .pred p;\nsetp.ne.b32 p, %37, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 " ZEBRA_SUM_NAMES
      "{%32, %33, %34, %35}, %36, p, 1, 1, %38;\n}"
      : ZEBRA_SUMS
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(static_cast<int>(add)), "n"(AcrossRows ? 1 : 0));
}
__device__ __forceinline__ void warpgroup_multiply(float (&c)[8][4], uint64_t a, uint64_t b, bool add) {
  asm volatile(
      "{\n.reg .pred p;\nsetp.ne.b32 p, %34, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 " ZEBRA_SUM_NAMES "%32, %33, p, 1, 1, 0, 0;\n}"
      : ZEBRA_SUMS
      : "l"(a), "l"(b), "r"(static_cast<int>(add)));
}
#undef ZEBRA_SUMS
#undef ZEBRA_SUM_NAMES
#endif

// Of this warp's 16 rows of 64: c [16, 64] += a [16, 16] b [16, 64], of which columns [0, 16 * pairs) are wanted.
// panel: of b, at its first row (AcrossRows) or column; `piece` that column's.
template <bool AcrossRows>
__device__ __forceinline__ void warp_multiply(float (&c)[8][4], const uint32_t (&a)[4], uint32_t panel, int first,
                                              int pairs) {
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int pair = 0; pair < 4; ++pair) {
    if (pair >= pairs) break;
    uint32_t b[4];
    if constexpr (AcrossRows) {
      load_matrices_transposed(b, panel + panel_offset(first + (lane & 7) + (lane & 8), 2 * pair + (lane >> 4)));
    } else {
      load_matrices(b,
                    panel + panel_offset(16 * pair + (lane & 7) + ((lane & 16) >> 1), first / 8 + ((lane >> 3) & 1)));
    }
    multiply(c[2 * pair], a, b[0], b[1]);
    multiply(c[2 * pair + 1], a, b[2], b[3]);
  }
}

}  // namespace zebra::kernels::ptx
