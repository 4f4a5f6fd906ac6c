#pragma once
// Mamba2 initialisations built from ideas (upcycle/ideas.h). With those of `refined` a layer starts as a linear
// attention close to the teacher's softmax: B and C are the keys and queries in their best P - 1 directions, the last
// channel is a constant (exp(s) is near 1 + s, and the 1 needs a place), gate and time step are constant, each head
// forgets at the pace that fits its teacher best, and D is 0.
#include "upcycle/ideas.h"
#include "upcycle/mixer_weights.h"
#include "upcycle/statistics.h"

namespace zebra {

// What the search for each head's memory length compares against: inputs of the layer and the teacher's attention
// output before its output projection.
struct HeadSample {
  at::Tensor inputs;  // [B, L, D]
  at::Tensor heads;   // [B, L, H * P]
};

// What no idea touches stays as reference_mamba2(seed, layer) makes it; without `linear` the teacher's projections have
// no biases.
MixerWeights refined_mamba2(const TeacherAttention& teacher, const LayerStatistics& statistics,
                            const Mamba2Config& config, const HeadSample& sample, const Mamba2Ideas& ideas,
                            uint64_t seed, int64_t layer);

}  // namespace zebra
