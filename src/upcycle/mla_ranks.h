#pragma once
// The rank of each new MLA layer's latent, from the spectrum of what it factors. --kv-rank is the rank of all with
// `fixed`, that of the model's first and last layer with `energy`, and the mean with `budget` and `equal`.
#include "upcycle/conversion.h"

namespace zebra {

// X-EcoMLA: as many singular values as hold at most `energy` of the sum of squares, at least one, rounded up to `step`.
int64_t energy_rank(const at::Tensor& spectrum, double energy, int64_t step);

// One layer of a schedule: squared singular values, largest first, and how many layers follow it, itself included.
struct RankCurve {
  at::Tensor spectrum;
  int64_t following = 1, largest = 0;  // largest: the highest rank that the layer can have
};

// CARE's greedy schedule: from rank / 2 each, `step` ranks more to the layer where
// (energy gained / energy left) sqrt(following / mean) / sqrt(r / smallest) is largest, until the ranks sum to
// `rank` times the layers or all are at 2 rank.
std::vector<int64_t> budget_ranks(const std::vector<RankCurve>& curves, int64_t rank, int64_t step);

// All latents hold as equal a part of their layer's energy as can be: from `step` each, `step` ranks more to the layer
// whose latent holds the smallest part, until the ranks sum to `rank` times the layers. A layer whose singular values
// fall slowly, as those do that look far back (docs/results.md), gets the more.
std::vector<int64_t> equal_ranks(const std::vector<RankCurve>& curves, int64_t rank, int64_t step);

// Sets the ranks of request.student; frequencies must have been chosen. Ranks are multiples of 8 where --kv-rank is.
void choose_ranks(ConversionRequest& request, RankRule rule, double energy);

}  // namespace zebra
