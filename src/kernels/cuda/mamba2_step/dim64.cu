#include "kernels/cuda/mamba2_step/kernel.cuh"

namespace zebra::kernels {

// Type of the state, head dim, threads a head, heads at a time.
extern const Mamba2StepForm kMamba2Step64[] = {
    mamba2_step_form<float, 64, 64, 2>("fp32, 64 threads, 2 heads"),
    mamba2_step_form<float, 64, 128, 1>("fp32, 128 threads, 1 head"),
    mamba2_step_form<__nv_bfloat16, 64, 128, 1>("bf16, 128 threads, 1 head"),
};
extern const int kMamba2Step64Count = sizeof(kMamba2Step64) / sizeof(Mamba2StepForm);

}  // namespace zebra::kernels
