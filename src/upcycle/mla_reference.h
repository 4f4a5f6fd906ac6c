#pragma once
// The MLA initialisation of X-EcoMLA and Zebra-Llama, number for number: SVD of the query, one SVD of all key and value
// rows, the shared rotated key as the mean over heads of their last rows.
#include "upcycle/mixer_weights.h"
#include "upcycle/teacher_attention.h"

namespace zebra {

MixerWeights reference_mla(const TeacherAttention& teacher, const MlaConfig& config);

// Squared singular values of the key and value rows that it factors, largest first, on the CPU.
at::Tensor reference_spectrum(const TeacherAttention& teacher, const MlaConfig& config);

}  // namespace zebra
