#pragma once
// Subsets of layers by the KL that each of them really has, without the assumption that scores add up: all of them
// where they are few, else a beam that adds a layer at a time.
#include <cstdint>
#include <functional>
#include <vector>

namespace zebra {

struct SubsetLimits {
  int64_t all = 512;  // as many subsets are all tried
  int64_t beam = 4;   // subsets of a size that go on
};

struct SubsetSearch {
  std::vector<int64_t> layers;  // ascending
  double kl = 0, base = 0;      // with them, and with none
  std::vector<double> scores;   // base - KL of each layer alone
  int64_t evaluated = 0;
  bool all = false;  // every subset was tried: no other is better
};

// `kl` of a model with these (ascending) layers restored; Error(usage) for a count that is not 1..layers,
// Error(runtime) for a KL that is not finite. Of equal subsets the lexicographically first.
SubsetSearch search_subsets(int64_t layers, int64_t count, const SubsetLimits& limits,
                            const std::function<double(const std::vector<int64_t>&)>& kl);

// Subsets of `count` of `layers`, at most `limit` + 1.
int64_t count_subsets(int64_t layers, int64_t count, int64_t limit);

}  // namespace zebra
