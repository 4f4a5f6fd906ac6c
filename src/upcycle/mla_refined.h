#pragma once
// MLA initialisations built from ideas (upcycle/ideas.h). With those of `refined`: one rotated key shared by all heads
// is the top complex eigenvector of the heads' keys at each kept frequency (RoRoPE with a unitary instead of a
// rotation); what it leaves over, and every frequency that loses its rotation, goes into the latent, turned by the mean
// phase of the distances that each head attends to; the latent itself is the best joint factor of keys and values in
// the error of scores and outputs (whitened on both sides).
#include <vector>

#include "upcycle/ideas.h"
#include "upcycle/mixer_weights.h"
#include "upcycle/statistics.h"

namespace zebra {

// `pairs`: the rope_dim / 2 frequencies of the teacher that stay rotated, ascending.
MixerWeights refined_mla(const TeacherAttention& teacher, const LayerStatistics& statistics, const MlaConfig& config,
                         const std::vector<int64_t>& pairs, const MlaIdeas& ideas);

// Squared singular values of what the latent factors, largest first: [rank of it], float64 on the CPU.
at::Tensor latent_spectrum(const TeacherAttention& teacher, const LayerStatistics& statistics, const MlaConfig& config,
                           const std::vector<int64_t>& pairs, const MlaIdeas& ideas);

}  // namespace zebra
