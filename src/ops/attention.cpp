#include "ops/attention.h"

#include "ops/attention_mask.h"

namespace zebra::ops {

namespace {

at::Tensor device_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double scale,
                            int64_t window) {
  const int64_t length = q.size(1), keys = k.size(1);
  const bool windowed = window > 0 && window < keys;
  const bool causal = length == keys && length > 1 && !windowed;
  std::optional<at::Tensor> mask;
  if (!causal && (length > 1 || windowed)) mask = attention_mask(length, keys, window, q.device());
  return at::scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), mask, 0.0, causal,
                                          scale, q.size(2) != k.size(2))
      .transpose(1, 2);
}

}  // namespace

at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double scale, int64_t window) {
  TORCH_CHECK(k.size(1) >= q.size(1) && q.size(2) % k.size(2) == 0, "attention: q ", q.sizes(), " does not go with k ",
              k.sizes());
  if (q.is_cuda()) return device_attention(q, k, v, scale, window);
  return reference::attention(q, k, v, scale, window);
}

}  // namespace zebra::ops
