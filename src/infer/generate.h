#pragma once
// Sampling text from a model.
#include <functional>
#include <vector>

#include "base/rng.h"
#include "model/static_batch.h"

namespace zebra {

struct SamplingParams {
  double temperature = 0;  // 0 = greedy
  int64_t top_k = 0;       // 0 = off
  double top_p = 1, min_p = 0;
  uint64_t seed = 0;
};

// Picks one id from logits [V] (fp32, contiguous, on the CPU).
int64_t sample_token(const float* logits, int64_t vocab, const SamplingParams& params, Rng& rng);

// Continues one prompt; stops at an eos id, after max_tokens, or when `each` returns false.
std::vector<int64_t> generate(const Model& model, const std::vector<int64_t>& prompt, int64_t max_tokens,
                              const SamplingParams& params, const std::function<bool(int64_t id)>& each = nullptr);

// Reads a prompt into a batch of one row, in chunks that bound the memory; the final hidden state [1, 1, D] of its
// last token.
at::Tensor read_prompt(const Model& model, const std::vector<int64_t>& ids, StaticBatch& batch);

// Greedy continuations of many prompts, several in one call of the model: of each the tokens that generate() makes of
// it alone. `each` ends a prompt's by returning false; calls may come from several threads, those for one prompt one
// after the other. `progress` hears how many are finished.
std::vector<std::vector<int64_t>> generate_greedy(const Model& model, const std::vector<std::vector<int64_t>>& prompts,
                                                  int64_t max_tokens,
                                                  const std::function<bool(size_t prompt, int64_t id)>& each = nullptr,
                                                  const std::function<void(size_t done)>& progress = nullptr);

// `count` sequences of `length` tokens, each starting with `bos`, drawn at temperature 1 from the whole distribution
// (eos does not end a row: what follows it is the next document). int32 [count, length]. If `hidden` is given it
// receives the model's final hidden states [count, length, D] in bf16, so that a teacher need not run again. Row b uses
// the random numbers of (seed, first + b) and nothing else.
at::Tensor sample_sequences(const Model& model, int64_t count, int64_t length, int64_t bos, uint64_t seed,
                            at::Tensor* hidden = nullptr, uint64_t first = 0);
// How many of such sequences go through the model in one call: fewer leave a device partly idle. On the CPU each thread
// has so many of its own.
int64_t rows_drawn_together(const Model& model, int64_t length);

// Rows int64 [n, length] that begin with `prompts` [n, P], 0 < P <= length, and go on as the model draws at
// `temperature` (0 = greedy) from its whole distribution; an eos is followed by more. All rows are drawn together; row
// b uses the random numbers of (seed, first + b) and nothing else.
at::Tensor continue_rows(const Model& model, const at::Tensor& prompts, int64_t length, double temperature,
                         uint64_t seed, uint64_t first);

}  // namespace zebra
