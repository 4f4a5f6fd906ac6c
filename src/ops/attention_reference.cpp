#include "ops/attention.h"
#include "ops/attention_mask.h"
#include "ops/compute_type.h"

namespace zebra::ops {

at::Tensor attention_mask(int64_t queries, int64_t keys, int64_t window, at::Device device) {
  const auto options = at::TensorOptions(at::kLong).device(device);
  const at::Tensor position = at::arange(keys - queries, keys, options).unsqueeze(1);  // [L, 1]
  const at::Tensor key = at::arange(keys, options);                                    // [S]
  const at::Tensor seen = key <= position;
  return window > 0 ? seen.logical_and(key > position - window) : seen;
}

at::Tensor attention_weights(const at::Tensor& q, const at::Tensor& k, double scale, int64_t window) {
  const int64_t batch = q.size(0), length = q.size(1), heads = q.size(2), keys = k.size(1), kv_heads = k.size(2);
  const auto type = compute_type(q);
  // The heads that share a kv head are rows of one product: [B, K, G * L, Dk].
  const at::Tensor queries = q.to(type)
                                 .unflatten(2, {kv_heads, heads / kv_heads})
                                 .permute({0, 2, 3, 1, 4})
                                 .reshape({batch, kv_heads, -1, q.size(3)});
  const at::Tensor scores = at::matmul(queries, k.to(type).permute({0, 2, 3, 1})) * scale;
  const at::Tensor hidden = attention_mask(length, keys, window, q.device()).logical_not();
  return scores
      .unflatten(2, {-1, length})  // [B, K, G, L, S]
      .masked_fill(hidden, -std::numeric_limits<double>::infinity())
      .softmax(-1)
      .flatten(1, 2);
}

at::Tensor reference::attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double scale,
                                int64_t window) {
  const at::Tensor weights = attention_weights(q, k, scale, window);
  return at::matmul(weights.unflatten(1, {k.size(2), -1}).flatten(2, 3), v.to(weights.scalar_type()).transpose(1, 2))
      .unflatten(2, {-1, q.size(1)})  // [B, K, G, L, Dv]
      .permute({0, 3, 1, 2, 4})
      .flatten(2, 3)
      .to(q.scalar_type());
}

}  // namespace zebra::ops
