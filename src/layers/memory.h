#pragma once
// What a layer remembers of sequences: pages of a cache that grows with the text, and slots of states that do not.
// S sequences, T tokens of a call, L the most that a sequence adds.
#include <ATen/ATen.h>

#include <vector>

#include "layers/batch.h"

namespace zebra {

struct MemorySize {
  int64_t pages = 0, page = 0;  // `page` tokens each
  int64_t slots = 0;
};

// One layer's part of the memory. Which tensors there are, and in what order, is the mixer's affair (its header says
// so); pages and slots may be copied, moved and given away without knowing it.
struct LayerMemory {
  std::vector<at::Tensor> pages;  // [pages, page, ..] each
  std::vector<at::Tensor> slots;  // [slots, ..] each
  size_t bytes() const;
};

// Writes values [T, ..] to the places of the batch's tokens in pages [pages, page, ..].
void write_pages(const at::Tensor& pages, const at::Tensor& values, const Batch& batch);
// What the batch's sequences hold in these pages: [S, n, ..] with n <= batch.reach(), a view where they lie in order.
// Behind the end of a sequence stand finite values.
at::Tensor read_pages(const at::Tensor& pages, const Batch& batch);

// The batch's slots of slots [slots, ..]: [S, ..], a view where they lie in order; and what stands there afterwards.
at::Tensor read_slots(const at::Tensor& slots, const Batch& batch);
void write_slots(const at::Tensor& slots, const at::Tensor& values, const Batch& batch);

// Causal attention of each sequence's own tokens, q [T, H, Dk], over what read_pages() gave: k [S, n, K, Dk] and v
// [S, n, K, Dv] -> [T, H, Dv]. `window` as in ops::attention.
at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double scale, int64_t window,
                  const Batch& batch);

}  // namespace zebra
