#include "ops/ssd.h"

namespace zebra::ops {

namespace {

constexpr int64_t kChunk = 64;

}  // namespace

at::Tensor ssd(const at::Tensor& x, const at::Tensor& dt, const at::Tensor& A, const at::Tensor& Bm,
               const at::Tensor& C, const at::Tensor& D, const at::Tensor& initial, at::Tensor* final_state) {
  if (x.size(1) == 1) return reference::ssd_recurrence(x, dt, A, Bm, C, D, initial, final_state);
  return reference::ssd_chunked(x, dt, A, Bm, C, D, initial, final_state, kChunk);
}

}  // namespace zebra::ops
