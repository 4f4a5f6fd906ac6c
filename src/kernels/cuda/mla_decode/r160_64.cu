// The latents of the published 8B models: rank 160 + 64.
#include "kernels/cuda/mla_decode/fixed.cuh"

namespace zebra::kernels {

extern const MlaForm kMlaForms160_64[] = {
    mla_fixed_form<MlaFixed<160, 64, 2, 4, 16, 3, 2, false>>("4 warps x 16 keys x 3, 2 blocks"),
    mla_fixed_form<MlaFixed<160, 64, 2, 8, 16, 3, 1, false>>("8 warps x 16 keys x 3"),
};
extern const int kMlaForms160_64Count = sizeof(kMlaForms160_64) / sizeof(MlaForm);

}  // namespace zebra::kernels
