#pragma once
// One model with several mixers in every layer: each step distils another random placement of them, so that the mixers
// of all students learn to work with any of the others, and placements can then be compared without training each of
// them (the once-for-all supernet of PostNAS, Jet-Nemotron; here over the ranks of MLA, too).
#include "train/distill.h"

namespace zebra {

// How a step's placement is drawn.
struct SupernetDraw {
  int64_t count = 0;  // so many layers get another student's mixer; 0: as many as the budget pays for
  std::vector<std::vector<int64_t>> costs;  // with a budget: [students but the first][layers]
  int64_t budget = 0;                       // what a placement's costs sum to at most
};

// Error(usage) names a setting of distill that a supernet has not: loss layers, layer_weight, lengths, on_policy,
// teacher_cache, freeze.
void check_supernet(const DistillOptions& options);

// Trains the mixers of `students`, of one shape, in place: norms, MLPs, embedding and head stay. Where a placement says
// so, a layer's mixer is another student's, else the first one's. The loss is that of `options`, which are prepared
// (train/distill.h) for `run`, without its layers' distance. Checkpoints, metrics.jsonl and TensorBoard's events are in
// `run`, where a stopped training goes on with `resume`.
TrainReport train_supernet(std::vector<Model>& students, Model& teacher, const SupernetDraw& draw,
                           const DistillOptions& options, const fs::path& run, bool resume);

// The student of every layer at a step. With a count every subset is equally likely; with a budget the layers, in
// random order, each draw among all that they can still pay for.
std::vector<size_t> supernet_placement(const SupernetDraw& draw, uint64_t seed, int64_t step, int64_t layers,
                                       size_t students);

}  // namespace zebra
