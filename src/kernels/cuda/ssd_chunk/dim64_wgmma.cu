// 64 x 64 states, by the matrix units of sm_90a.
#include "kernels/cuda/ssd_chunk/kernel.cuh"

namespace zebra::kernels {

// Head dim, heads of a block, blocks of a head, chunks in shared memory, copies of the state there, blocks that share a
// multiprocessor, products by warpgroups.
extern const SsdForm kSsd64Wgmma[] = {
    ssd_fixed_form<SsdFixed<64, 4, 1, 2, 2, 1, true>>("wgmma, 4 heads, 2 stages, 1 block"),
    ssd_fixed_form<SsdFixed<64, 1, 1, 2, 2, 3, true>>("wgmma, 1 head, 2 stages, 3 blocks"),
};
extern const int kSsd64WgmmaCount = sizeof(kSsd64Wgmma) / sizeof(SsdForm);

}  // namespace zebra::kernels
