#include "kernels/cuda/mamba2_step/kernel.cuh"

namespace zebra::kernels {

extern const Mamba2StepForm kMamba2Step128[] = {
    mamba2_step_form<float, 128, 256, 1>("fp32, 256 threads, 1 head"),
    mamba2_step_form<__nv_bfloat16, 128, 256, 1>("bf16, 256 threads, 1 head"),
};
extern const int kMamba2Step128Count = sizeof(kMamba2Step128) / sizeof(Mamba2StepForm);

}  // namespace zebra::kernels
