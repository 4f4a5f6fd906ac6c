#pragma once
// One model with both mixers in every layer: each step distils another random subset of MLA layers, so that the mixers
// of both students learn to work with any of the others, and subsets can then be compared without training each of them
// (the once-for-all supernet of PostNAS, Jet-Nemotron).
#include "train/distill.h"

namespace zebra {

struct SupernetReport {
  int64_t steps = 0;
  double first_loss = 0, last_loss = 0;  // last: mean over the last twentieth of the run
};

// Error(usage) names a setting of distill that a supernet has not: loss layers, layer_weight, lengths, on_policy,
// teacher_cache, freeze.
void check_supernet(const DistillOptions& options);

// `count` of the layers of every step are the MLA student's, drawn uniformly by the seed and the number of the step;
// the loss is that of `options`, which are prepared (train/distill.h), without its layers' distance. Only mixers learn,
// in place: norms, MLPs, embedding and head stay.
SupernetReport train_supernet(Model& mamba2, Model& mla, const Model& teacher, int64_t count,
                              const DistillOptions& options);

// The layers of step `step`: a uniform subset, ascending.
std::vector<int64_t> supernet_layers(uint64_t seed, int64_t step, int64_t layers, int64_t count);

}  // namespace zebra
