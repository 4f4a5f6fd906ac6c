// 128 x 128 states, by products of single warps: sm_80 and newer.
#include "kernels/cuda/ssd_chunk/kernel.cuh"

namespace zebra::kernels {

extern const SsdForm kSsd128Mma[] = {
    ssd_fixed_form<SsdFixed<128, 1, 2, 2, 1, 2, false>>("mma, half a head, 2 stages, 1 copy, 2 blocks"),
};
extern const int kSsd128MmaCount = sizeof(kSsd128Mma) / sizeof(SsdForm);

}  // namespace zebra::kernels
