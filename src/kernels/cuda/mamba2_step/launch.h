#pragma once
// One token of a Mamba2 mixer from in_proj's output to out_proj's input: convolution, SiLU, softplus of dt, the state's
// step, D, gate and grouped norm in one pass over the state. b batch, H heads, K kv heads, P = N head dim, W taps;
// d_inner = H P. Where x and B are repeated before the convolution, every head is its own group, else H / K heads share
// the x and B of a kv head; channels = d_inner + 2 groups P.
#include <cstdint>

namespace zebra::kernels {

struct Mamba2Step {
  int32_t batch, heads, kv_heads, dim, taps;
  bool repeat;  // x and B before the convolution
  bool state_bf16;
  float eps;
  const void* projected;  // bf16 [b, z (d_inner) | x (K P) | B (K P) | C (d_inner) | dt (H)]
  int64_t projected_stride;
  const void* conv_weight;                         // bf16 [channels, W]
  const void* conv_bias;                           // bf16 [channels]
  const float *A_log, *D, *dt_bias, *norm_weight;  // [H], [H], [H], [d_inner]
  const int32_t* slots;                            // [b]; below 0: padding, whose output is 0
  void* conv;                                      // bf16 [slots, W - 1, channels]: the inputs before this one
  int64_t conv_slot;
  void* state;  // fp32 or bf16 [slots, H, P, N]
  int64_t state_slot;
  void* out;  // bf16 [b, d_inner]
  int64_t out_stride;
  void* stream;  // cudaStream_t
};

// One compiled form of the kernel.
struct Mamba2StepForm {
  const char* name;
  int32_t dim;  // 0: any
  bool state_bf16;
  int32_t heads;  // that a block does at a time
  const char* (*launch)(const Mamba2Step& p);
};
const Mamba2StepForm* mamba2_step_forms(int32_t* count);
bool mamba2_step_fits(const Mamba2StepForm& form, const Mamba2Step& p);
const Mamba2StepForm* choose_mamba2_step_form(const Mamba2Step& p);
// Null, or what is wrong. The call is asynchronous on p.stream.
const char* launch_mamba2_step(const Mamba2Step& p, const Mamba2StepForm& form);

}  // namespace zebra::kernels
