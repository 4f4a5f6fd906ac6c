#include "layers/memory.h"

#include <algorithm>

#include "ops/attention.h"

namespace zebra {

size_t LayerMemory::bytes() const {
  size_t total = 0;
  for (const auto& tensor : pages) total += tensor.nbytes();
  for (const auto& tensor : slots) total += tensor.nbytes();
  return total;
}

void write_pages(const at::Tensor& pages, const at::Tensor& values, const Batch& batch) {
  if (batch.in_order() && batch.even() && batch.same_start()) {
    const int64_t length = batch.longest(), start = batch.reach() - length;
    pages.narrow(0, 0, batch.sequences()).narrow(1, start, length).copy_(batch.rows(values));
    return;
  }
  pages.flatten(0, 1).index_copy_(0, batch.places, values);
}

at::Tensor read_pages(const at::Tensor& pages, const Batch& batch) {
  if (batch.in_order()) {
    return pages.narrow(0, 0, batch.sequences()).narrow(1, 0, std::min(batch.reach(), pages.size(1)));
  }
  const at::Tensor all = pages.index_select(0, batch.pages.flatten()).unflatten(0, batch.pages.sizes()).flatten(1, 2);
  const int64_t held = std::min(batch.reach(), all.size(1));
  at::Tensor unused = at::arange(held, batch.totals.options()) >= batch.totals.unsqueeze(1);  // [S, n]
  while (unused.dim() < all.dim()) unused = unused.unsqueeze(-1);
  return all.narrow(1, 0, held).masked_fill(unused, 0);
}

at::Tensor read_slots(const at::Tensor& slots, const Batch& batch) {
  return batch.in_order() ? slots.narrow(0, 0, batch.sequences()) : slots.index_select(0, batch.slots);
}

void write_slots(const at::Tensor& slots, const at::Tensor& values, const Batch& batch) {
  if (batch.in_order())
    slots.narrow(0, 0, batch.sequences()).copy_(values);
  else
    slots.index_copy_(0, batch.slots, values);
}

at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double scale, int64_t window,
                  const Batch& batch) {
  const at::Tensor rows = batch.rows(q);
  const bool alike = batch.same_start() && k.size(1) == batch.reach();
  return batch.tokens(alike ? ops::attention(rows, k, v, scale, window)
                            : ops::attention(rows, k, v, scale, window, batch.ends()));
}

}  // namespace zebra
