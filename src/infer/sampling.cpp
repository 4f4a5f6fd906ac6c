// From logits to one token.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "infer/generate.h"

namespace zebra {

namespace {

struct Candidate {
  int64_t id;
  double probability;  // unnormalised
};

bool likelier(const Candidate& a, const Candidate& b) {
  return a.probability > b.probability;
}

// A stable sort of ascending probabilities, read from its end: of equal ones the later ids first.
bool later_in_order(const Candidate& a, const Candidate& b) {
  return a.probability > b.probability || (a.probability == b.probability && a.id > b.id);
}

double total(const std::vector<Candidate>& candidates) {
  return std::accumulate(candidates.begin(), candidates.end(), 0.0,
                         [](double sum, const Candidate& c) { return sum + c.probability; });
}

// The k likeliest, and what is as likely as the last of them.
void keep_top_k(std::vector<Candidate>& candidates, int64_t k) {
  if (k <= 0 || k >= static_cast<int64_t>(candidates.size())) return;
  std::vector<Candidate> sorted = candidates;
  std::nth_element(sorted.begin(), sorted.begin() + k - 1, sorted.end(), likelier);
  const double least = sorted[static_cast<size_t>(k - 1)].probability;
  std::erase_if(candidates, [&](const Candidate& c) { return c.probability < least; });
}

// The smallest set of likeliest tokens whose probability reaches p; the one that crosses p stays.
void keep_top_p(std::vector<Candidate>& candidates, double p) {
  if (p >= 1) return;
  std::sort(candidates.begin(), candidates.end(), later_in_order);
  const double goal = p * total(candidates);
  double sum = 0;
  size_t kept = 0;
  while (kept < candidates.size() && (kept == 0 || sum < goal)) sum += candidates[kept++].probability;
  candidates.resize(kept);
}

void keep_min_p(std::vector<Candidate>& candidates, double min_p) {
  if (min_p <= 0) return;
  const double best = std::min_element(candidates.begin(), candidates.end(), likelier)->probability;
  std::erase_if(candidates, [&](const Candidate& c) { return c.probability < min_p * best; });
}

}  // namespace

int64_t sample_token(const float* logits, int64_t vocab, const SamplingParams& params, Rng& rng) {
  const int64_t best = std::max_element(logits, logits + vocab) - logits;
  if (params.temperature <= 0) return best;
  std::vector<Candidate> candidates(static_cast<size_t>(vocab));
  for (int64_t id = 0; id < vocab; ++id) {
    const double logit = static_cast<double>(logits[id]) - static_cast<double>(logits[best]);
    candidates[static_cast<size_t>(id)] = {id, std::exp(logit / params.temperature)};
  }
  // The order of transformers: each filter works on what the one before has left.
  keep_top_k(candidates, params.top_k);
  keep_top_p(candidates, params.top_p);
  keep_min_p(candidates, params.min_p);

  double left = rng.uniform() * total(candidates);
  for (const Candidate& candidate : candidates) {
    left -= candidate.probability;
    if (left < 0) return candidate.id;
  }
  return best;  // rounding left nothing to draw from
}

}  // namespace zebra
