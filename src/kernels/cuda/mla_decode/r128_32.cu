// The latents of the published 1B models: rank 128 + 32.
#include "kernels/cuda/mla_decode/fixed.cuh"

namespace zebra::kernels {

// Rank, rope, tiles of 16 rows, warps, keys of a tile, stages, blocks that share a multiprocessor, scores ahead. The
// first is for many sequences, the last for few.
extern const MlaForm kMlaForms128_32[] = {
    mla_fixed_form<MlaFixed<128, 32, 2, 4, 16, 4, 2, true>>("4 warps x 16 keys x 4, 2 blocks, ahead"),
    mla_fixed_form<MlaFixed<128, 32, 2, 8, 32, 2, 1, false>>("8 warps x 32 keys x 2"),
};
extern const int kMlaForms128_32Count = sizeof(kMlaForms128_32) / sizeof(MlaForm);

}  // namespace zebra::kernels
