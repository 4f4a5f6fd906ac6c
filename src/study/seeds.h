#pragma once
// The results of `zebra reproduce` with several seeds as one.
#include <vector>

#include "io/json.h"

namespace zebra {

// `results` are of the same rows. Numbers become means. A score's `stderr` is the root of the square of its mean (the
// seeds were asked the same questions) plus the variance of the seeds' scores over their number; `kl_stderr` is that
// variance's. Layers that seeds chose differently become null; each row keeps its seeds' own in `by_seed`.
Json mean_of_seeds(const std::vector<Json>& results);

}  // namespace zebra
