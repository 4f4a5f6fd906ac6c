#pragma once
// Which frequencies stay rotated, and with --split auto how a fixed cache is divided between latent and rotated key.
// Small models are converted once per candidate and scored by held-out KL; where that is too dear each layer takes the
// candidate with the smallest error of its own output.
#include "upcycle/conversion.h"

namespace zebra {

// Sets of `count` out of `total` frequencies, ascending: all of them if they are at most `limit`, else evenly spaced
// ones (every starting point and stride), thinned to `limit`.
std::vector<FrequencyPairs> frequency_candidates(int64_t total, int64_t count, size_t limit);

// Every (total / count)th.
FrequencyPairs even_frequencies(int64_t total, int64_t count);

struct SearchOptions {
  bool split = false;  // also try other divisions of kv_rank + rope_dim
};

// Fills request.pairs (and, with `split`, the ranks of request.student); `log` says what was tried.
void choose_frequencies(ConversionRequest& request, const SearchOptions& options);

}  // namespace zebra
