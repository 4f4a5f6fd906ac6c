#pragma once
// Where the tokens of one call stand in their rows, and the caches that are filled at those places.
// B batch, L length of this call, S positions held so far (this call included).
#include <ATen/ATen.h>

#include <vector>

#include "layers/mixer.h"

namespace zebra {

class Positions {
 public:
  // `state` may be null: every row starts at 0.
  Positions(int64_t batch, int64_t length, const Span& span, const State* state);

  int64_t batch() const { return static_cast<int64_t>(offsets_.size()); }
  int64_t length() const { return length_; }
  const std::vector<int64_t>& offsets() const { return offsets_; }
  const std::vector<int64_t>& lengths() const { return lengths_; }
  bool full() const { return full_; }           // no row is padded
  bool same_start() const { return same_; }     // every row starts at offsets()[0]
  int64_t end() const { return end_; }          // the largest offset + length of a row
  at::Tensor each(at::Device device) const;     // int64 [B, L]: offset + t
  at::Tensor is_real(at::Device device) const;  // bool [B, L]: t < length of the row
  void advance(State& state) const;             // seen += lengths

 private:
  int64_t length_, end_ = 0;
  std::vector<int64_t> offsets_, lengths_;
  bool full_ = true, same_ = true;
};

// Throws if a row would hold more than `capacity` tokens.
void check_capacity(const Positions& positions, int64_t capacity);
// Whether a call's tokens can be written to the cache as one block, padding included.
bool is_block(const Positions& positions, int64_t capacity);

// Writes values [B, L, ...] into cache [B, capacity, ...] at their positions; padding is left out unless is_block().
void write_cache(const at::Tensor& cache, const at::Tensor& values, const Positions& positions);

// ops::attention for rows that start at different positions: q [B, L, H, Dk] against caches [B, S, K, ..] of which
// row b holds offset + length. Queries of padding see what is there; their outputs are meaningless but finite.
at::Tensor attention_rows(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double scale, int64_t window,
                          const Positions& positions);

}  // namespace zebra
