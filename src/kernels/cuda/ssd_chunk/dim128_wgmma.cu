// 128 x 128 states, by the matrix units of sm_90a.
#include "kernels/cuda/ssd_chunk/kernel.cuh"

namespace zebra::kernels {

extern const SsdForm kSsd128Wgmma[] = {
    ssd_fixed_form<SsdFixed<128, 1, 1, 3, 2, 1, true>>("wgmma, 1 head, 3 stages, 1 block"),
};
extern const int kSsd128WgmmaCount = sizeof(kSsd128Wgmma) / sizeof(SsdForm);

}  // namespace zebra::kernels
