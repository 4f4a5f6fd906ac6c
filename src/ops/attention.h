#pragma once
// Causal softmax attention with grouped heads. The plain-ATen twin in ops::reference is what the tests hold the fast
// path to; it also serves other devices and dtypes. Shapes: B batch, L length, D width, H heads, K kv heads, P head dim
// of x, N state size.
#include <ATen/ATen.h>

#include <vector>

namespace zebra::ops {

// Causal softmax attention. q [B, L, H, Dk], k [B, S, K, Dk], v [B, S, K, Dv] -> [B, L, H, Dv]; H a multiple of K.
// Query t of row b stands at position offset + t where offset = S - L, and sees keys s with s <= position and, if
// window > 0, s > position - window.
at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double scale, int64_t window = 0);

// The same for rows that hold different numbers of keys: the offset of row b is keys[b] - L >= 0. Where keys[b] > S the
// last queries are padding: they see what is there, and their outputs are meaningless but finite.
at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double scale, int64_t window,
                     const std::vector<int64_t>& keys);

// The weights themselves, [B, H, L, S] in the type of computation, 0 for keys that are not seen: written out, so for
// short rows only.
at::Tensor attention_weights(const at::Tensor& q, const at::Tensor& k, double scale, int64_t window = 0);

namespace reference {
at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double scale, int64_t window);
}  // namespace reference

}  // namespace zebra::ops
