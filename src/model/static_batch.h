#pragma once
// The plainest use of a model's memory: a fixed number of sequences that go on together, each with a page of `capacity`
// tokens and a slot of its own.
#include <vector>

#include "model/model.h"

namespace zebra {

class StaticBatch {
 public:
  StaticBatch(const Model& model, int64_t rows, int64_t capacity);

  // Continues every sequence by L tokens, ids int64 [rows, L] on the model's device -> final hidden [rows, L, D]. More
  // tokens than the capacity are an Error(usage).
  at::Tensor extend(const at::Tensor& ids);
  // Sequence r by lengths[r] tokens, one sequence after the other: ids [T] -> [T, D].
  at::Tensor extend(const at::Tensor& ids, const std::vector<int64_t>& lengths);

  // A copy whose sequence i is sequence places[i] of this: what several continuations of a text start from.
  StaticBatch select(const std::vector<int64_t>& places) const;

  size_t bytes() const { return memory_.bytes(); }

 private:
  const Model* model_;
  int64_t capacity_;
  ModelMemory memory_;
  std::vector<int64_t> held_;  // tokens of each sequence so far
};

}  // namespace zebra
