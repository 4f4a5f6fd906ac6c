#pragma once
// What a call of the model holds, made once for all layers.
// B rows of L tokens in training; S sequences with T tokens in all where the model continues what it remembers.
#include <ATen/ATen.h>

#include <vector>

#include "layers/rope.h"

namespace zebra {

// Whole rows [B, L] that begin at position 0, of which nothing is remembered. A row may hold documents that do not see
// each other: positions, states and the convolution's memory begin anew with each.
struct Rows {
  at::Tensor starts;  // bool [B, L] on the CPU: where a document begins, as each row does; undefined: one a row
};

// How many tokens of a sequence a call adds, and where what it remembers lies (layers/memory.h).
struct Sequence {
  int64_t length = 0;          // tokens of this call
  int64_t held = 0;            // tokens remembered before it
  std::vector<int64_t> pages;  // in order; together they have room for held + length tokens
  int64_t slot = 0;
};

// Tokens that continue sequences, one sequence after the other.
class Batch {
 public:
  // ids int64 [T] on the model's device; `page` is how many tokens a page holds. What does not fit in its pages is an
  // Error(usage).
  Batch(at::Tensor ids, const std::vector<Sequence>& sequences, int64_t page);

  at::Tensor ids;         // int64 [T]
  at::Tensor positions;   // int64 [T]: of each token in its sequence
  at::Tensor places;      // int64 [T]: where it lies among the tokens of all pages
  at::Tensor cu_lengths;  // int64 [S + 1]: tokens before each sequence
  at::Tensor totals;      // int64 [S]: tokens that each sequence holds with this call
  at::Tensor pages;       // int64 [S, most pages of one], 0 behind the last
  at::Tensor slots;       // int64 [S]

  int64_t sequences() const { return static_cast<int64_t>(lengths_.size()); }
  int64_t longest() const { return longest_; }  // L, the most tokens that a sequence adds
  int64_t reach() const { return reach_; }      // the most tokens held before, and L more
  bool even() const { return even_; }           // every sequence adds as many tokens
  bool same_start() const { return same_; }     // every sequence held as many tokens before
  // Sequence s has page s and slot s, and no other: memory may be used as it lies.
  bool in_order() const { return in_order_; }
  // For each sequence the position behind its L tokens, padding counted: what ops::attention calls its keys.
  const std::vector<int64_t>& ends() const { return ends_; }

  // [T, ..] as rows [S, L, ..], where shorter ones end in padding of any values, and back.
  at::Tensor rows(const at::Tensor& tokens) const;
  at::Tensor tokens(const at::Tensor& rows) const;
  at::Tensor is_padding() const;  // bool [S, L]; undefined where there is none

  // The rotation of these tokens; made once for all layers that turn alike.
  const Rotation& rotation(const Rope& rope) const;

 private:
  std::vector<int64_t> lengths_, held_, ends_;
  int64_t longest_ = 0, reach_ = 0;
  bool even_ = true, same_ = true, in_order_ = true;
  at::Tensor token_of_row_, row_of_token_;  // int64 [S * L] and [T], where sequences are uneven
  mutable std::vector<std::pair<const Rope*, Rotation>> rotations_;
};

}  // namespace zebra
