#pragma once
// Examples as right-padded batches, in an order that is a pure function of (seed, position). n rows, L length of the
// longest, T counted tokens, D width.
#include <ATen/ATen.h>

#include <vector>

#include "data/documents.h"
#include "data/examples.h"
#include "model/model.h"

namespace zebra {

struct AnswerBatch {
  at::Tensor ids;            // int64 [n, L]; padding stands behind a row, where a causal model does not see it
  at::Tensor places;         // int64 [T]: the states of ids.flatten() from which the counted tokens are predicted
  at::Tensor targets;        // int64 [T]: the counted tokens themselves, row by row
  int64_t first_tokens = 0;  // of T, in the rows to imitate
};

// The first rows of all examples, then all second ones.
AnswerBatch make_batch(const std::vector<const Example*>& examples, at::Device device);

// The model's final states [T, D] before the counted tokens.
at::Tensor counted_states(const Model& model, const AnswerBatch& batch);

// Sums over each row's counted tokens [n], double, of values [T].
at::Tensor row_sums(const at::Tensor& values, const AnswerBatch& batch);

class AnswerRows {
 public:
  AnswerRows(std::vector<Example> examples, uint64_t seed, int64_t per_step, at::Device device);

  // Checksums of the examples in their order, of every row of an example (chosen, rejected) its own.
  std::vector<std::string> content() const;
  int64_t count() const { return static_cast<int64_t>(examples_.size()); }
  // Examples [first, first + count) of the run, over all epochs.
  AnswerBatch batch(int64_t first, int64_t count);
  int64_t tokens(int64_t first, int64_t count);  // of all rows, without padding
  // What the mean over a pass's counted tokens (of rows to imitate) is multiplied by, so that the mean over the passes
  // of a step, which the training loop takes, is the mean over the counted tokens of the step.
  double share(int64_t first, int64_t count);

 private:
  const Example& at(int64_t position) { return examples_[static_cast<size_t>(order_(position))]; }
  int64_t counted(int64_t first, int64_t count);

  std::vector<Example> examples_;
  ShuffledOrder order_;
  int64_t per_step_;
  at::Device device_;
};

}  // namespace zebra
