#pragma once
// What the losses over the vocabulary share: logits exist for one chunk of tokens at a time, in one buffer.
// T tokens, D width, V vocabulary; n tokens of a chunk.
#include <ATen/ATen.h>

#include <functional>

#include "ops/autograd.h"
#include "ops/cpu.h"

namespace zebra::ops {

// Calls each(first, rows [n, D], logits [n, V] in the compute type) for one chunk of hidden [T, D] after the other;
// `each` may overwrite the logits.
using EachChunk = std::function<void(int64_t first, const at::Tensor& rows, const at::Tensor& logits)>;
void for_head_chunks(const at::Tensor& hidden, const at::Tensor& head, const EachChunk& each);

// Gradients through logits = hidden head^T, collected chunk by chunk; undefined where nobody wants them.
class HeadGradients {
 public:
  HeadGradients(const at::Tensor& hidden, const at::Tensor& head, bool keep);
  void add(int64_t first, const at::Tensor& rows, const at::Tensor& d_logits);  // [n, D], [n, V]
  Tensors result() const;                                                       // of hidden and head, in their dtypes

 private:
  at::Tensor head_, d_hidden_, d_head_;
};

// The logits of a second model for the same chunks, in one buffer. The first call must be for the most tokens.
class SecondLogits {
 public:
  SecondLogits(const at::Tensor& hidden, const at::Tensor& head) : hidden_(hidden), head_(head) {}
  // Of tokens [first, first + n): [n, V] in `type`, to be overwritten at will.
  at::Tensor of(int64_t first, int64_t n, at::ScalarType type);

 private:
  at::Tensor hidden_, head_, buffer_;
};

// Turns the logits [n, V] of tokens [first, first + n) into share times the gradient of the sum of their losses by
// them, and returns that sum.
using ChunkLoss = std::function<at::Tensor(int64_t first, const at::Tensor& logits, double share)>;
// Mean over tokens of a loss of the logits hidden [T, D] head^T [D, V]; the gradients of both are made on the way, so
// that logits are made once.
at::Tensor mean_head_loss(const at::Tensor& hidden, const at::Tensor& head, const ChunkLoss& chunk_loss);
// The Backward of gradients that were made together with a scalar loss.
Tensors scaled_gradients(const Tensors& saved, const Tensors& outer);

// Runs launch(zero of the element type, losses, begin, end) over the rows of `logits`; returns the losses, double [n].
template <class Launch>
at::Tensor losses_of_rows(const at::Tensor& logits, const Launch& launch) {
  const at::Tensor losses = at::empty({logits.size(0)}, logits.options().dtype(at::kDouble));
  with_type(logits, [&](auto zero) {
    for_items(logits.size(0), 8 * logits.size(1),
              [&](int64_t begin, int64_t end) { launch(zero, losses.mutable_data_ptr<double>(), begin, end); });
  });
  return losses;
}

// Cross entropies [n] of int64 targets [n]; the logits become share times the gradient of each by its own row.
at::Tensor cross_entropy_of_rows(const at::Tensor& targets, const at::Tensor& logits, double share);

}  // namespace zebra::ops
