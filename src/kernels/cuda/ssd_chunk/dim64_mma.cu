// 64 x 64 states, by products of single warps: sm_80 and newer.
#include "kernels/cuda/ssd_chunk/kernel.cuh"

namespace zebra::kernels {

extern const SsdForm kSsd64Mma[] = {
    ssd_fixed_form<SsdFixed<64, 1, 1, 2, 2, 3, false>>("mma, 1 head, 2 stages, 3 blocks"),
};
extern const int kSsd64MmaCount = sizeof(kSsd64Mma) / sizeof(SsdForm);

}  // namespace zebra::kernels
