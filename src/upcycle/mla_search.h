#pragma once
// Which frequencies stay rotated, and how a fixed cache is divided between latent and rotated key: --split auto by
// held-out KL, trained by the error that is left when each layer was trained alone for a moment.
// Small models are converted once per candidate and scored by held-out KL; where that is too dear each layer takes the
// candidate with the smallest error of its own output.
#include "upcycle/conversion.h"

namespace zebra {

// Sets of `count` out of `total` frequencies, ascending: all of them if they are at most `limit`, else evenly spaced
// ones (every starting point and stride), thinned to `limit`.
std::vector<FrequencyPairs> frequency_candidates(int64_t total, int64_t count, size_t limit);

// Every (total / count)th.
FrequencyPairs even_frequencies(int64_t total, int64_t count);

// `count` of the teacher's frequencies (radians per token), evenly from the fastest to the first that takes at least
// `context` tokens for a turn: slower ones hardly turn, and without one that does not wrap nothing tells near from far.
// The KL before training prefers sets without it, which train worse (docs/results.md).
FrequencyPairs spread_frequencies(const std::vector<double>& frequencies, int64_t count, int64_t context);

// Fills request.pairs (options.rope_pairs where those are given) and, where the split is searched, the ranks of
// request.student; the log says what was tried.
void choose_frequencies(ConversionRequest& request, const StudentOptions& options);

}  // namespace zebra
