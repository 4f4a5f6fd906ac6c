#pragma once
// The Mamba2 initialisation of MambaInLlama and Zebra-Llama: value, key, query and output projections are copied to
// x, B, C and out; gate, time step, convolution, A and D start as in an untrained Mamba2.
#include <cstdint>

#include "upcycle/mixer_weights.h"
#include "upcycle/teacher_attention.h"

namespace zebra {

// Random parts are a pure function of (seed, layer).
MixerWeights reference_mamba2(const TeacherAttention& teacher, const Mamba2Config& config, uint64_t seed,
                              int64_t layer);

// dt_bias that softplus maps to the time step `dt`.
at::Tensor inverse_softplus(const at::Tensor& dt);

}  // namespace zebra
