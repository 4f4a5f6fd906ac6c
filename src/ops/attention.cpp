#include "ops/attention.h"

#include <c10/core/GradMode.h>

#include <algorithm>
#include <cstdint>

#include "ops/attention_mask.h"
#include "ops/autograd.h"
#include "ops/cpu.h"

namespace zebra::ops {

namespace {

// libtorch's fast kernels read 16 bytes at a time and do not ask where a view begins, nor how far its rows lie apart;
// rows whose own width is no multiple of that it pads itself.
at::Tensor aligned(const at::Tensor& x) {
  constexpr int64_t kBytes = 16;
  const auto size = static_cast<int64_t>(x.element_size());
  if (x.size(-1) * size % kBytes != 0) return x;
  bool fits = reinterpret_cast<uintptr_t>(x.const_data_ptr()) % kBytes == 0;
  for (int64_t i = 0; i + 1 < x.dim(); ++i) fits = fits && x.stride(i) * size % kBytes == 0;
  return fits ? x : x.clone(at::MemoryFormat::Contiguous);
}

// libtorch's, in our layout. Its fast kernels want keys and values of one width; MLA's differ, and with shared heads it
// would write out all scores. Columns of zeros change nothing.
at::Tensor fused_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const std::optional<at::Tensor>& mask, bool causal, double scale) {
  const int64_t width = std::max(q.size(3), v.size(3));
  const auto heads_first = [width](const at::Tensor& x) {
    const int64_t missing = width - x.size(3);
    return (missing > 0 ? at::constant_pad_nd(x, {0, missing}) : aligned(x)).transpose(1, 2);
  };
  return at::scaled_dot_product_attention(heads_first(q), heads_first(k), heads_first(v), mask, 0.0, causal, scale,
                                          q.size(2) != k.size(2))
      .transpose(1, 2)
      .narrow(3, 0, v.size(3));
}

at::Tensor device_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double scale,
                            int64_t window) {
  const int64_t length = q.size(1), keys = k.size(1);
  const bool windowed = window > 0 && window < keys;
  const bool causal = length == keys && length > 1 && !windowed;
  std::optional<at::Tensor> mask;
  if (!causal && (length > 1 || windowed)) mask = attention_mask(length, keys, window, q.device());
  return fused_attention(q, k, v, mask, causal, scale);
}

template <class T>
kernels::Attention<T> make_params(const Tensors& qkv, double scale, int64_t window, const at::Tensor& out,
                                  const at::Tensor& log_sum, const int64_t* row_keys = nullptr) {
  const at::Tensor &q = qkv[0], &k = qkv[1], &v = qkv[2];
  return {.length = q.size(1),
          .keys = k.size(1),
          .heads = q.size(2),
          .kv_heads = k.size(2),
          .dim_k = q.size(3),
          .dim_v = v.size(3),
          .window = window,
          .scale = scale,
          .q = pointer<T>(q),
          .k = pointer<T>(k),
          .v = pointer<T>(v),
          .q_batch = q.stride(0),
          .q_token = q.stride(1),
          .q_head = q.stride(2),
          .k_batch = k.stride(0),
          .k_token = k.stride(1),
          .k_head = k.stride(2),
          .v_batch = v.stride(0),
          .v_token = v.stride(1),
          .v_head = v.stride(2),
          .out = pointer<T>(out),
          .log_sum = pointer<T>(log_sum),
          .row_keys = row_keys};
}

Computed forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double scale, int64_t window, bool keep,
                 const int64_t* row_keys = nullptr) {
  const int64_t batch = q.size(0), length = q.size(1), heads = q.size(2), kv_heads = k.size(2);
  const Tensors qkv{dense_last(q), dense_last(k), dense_last(v)};
  const at::Tensor out = at::empty({batch, length, heads, v.size(3)}, q.options());
  const at::Tensor log_sum = keep ? at::empty({batch, length, heads}, q.options()) : at::Tensor();
  with_type(q, [&](auto zero) {
    using T = decltype(zero);
    const auto params = make_params<T>(qkv, scale, window, out, log_sum, row_keys);
    const int64_t block = kernels::cpu<T>().attention_rows, rows = length * (heads / kv_heads);
    const int64_t seen = window > 0 ? std::min(window, k.size(1)) : (k.size(1) + k.size(1) - length + 1) / 2;
    for_items(batch * kv_heads * ((rows + block - 1) / block), seen * (q.size(3) + v.size(3)),
              [&](int64_t begin, int64_t end) { kernels::cpu<T>().attention(params, begin, end); });
  });
  return {{out}, {qkv[0], qkv[1], qkv[2], out, log_sum}};
}

// Any device and dtype, through a mask of every row.
at::Tensor masked_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double scale, int64_t window,
                            const std::vector<int64_t>& keys) {
  const at::Tensor ends = at::tensor(keys, at::kLong).to(q.device()).unsqueeze(1);  // [B, 1]
  const at::Tensor place =
      (ends + at::arange(-q.size(1), 0, ends.options())).clamp_max(k.size(1) - 1).unsqueeze(-1);  // [B, L, 1]
  const at::Tensor key = at::arange(k.size(1), ends.options());
  at::Tensor visible = key <= place;  // [B, L, S]
  if (window > 0) visible = visible.logical_and(key > place - window);
  return fused_attention(q, k, v, visible.unsqueeze(1), false, scale);
}

Tensors backward(const Tensors& saved, const Tensors& outer, double scale, int64_t window) {
  const at::Tensor &q = saved[0], &k = saved[1], &v = saved[2], &out = saved[3], &log_sum = saved[4];
  const at::Tensor d_out = dense_last(outer[0]);
  const at::Tensor dq = at::empty(q.sizes(), q.options()), dk = at::empty(k.sizes(), k.options()),
                   dv = at::empty(v.sizes(), v.options());
  with_type(q, [&](auto zero) {
    using T = decltype(zero);
    const kernels::AttentionGrad<T> params{.forward = make_params<T>(saved, scale, window, out, log_sum),
                                           .d_out = pointer<T>(d_out),
                                           .d_out_batch = d_out.stride(0),
                                           .d_out_token = d_out.stride(1),
                                           .d_out_head = d_out.stride(2),
                                           .dq = pointer<T>(dq),
                                           .dk = pointer<T>(dk),
                                           .dv = pointer<T>(dv)};
    for_items(q.size(0) * k.size(2), q.size(1) * k.size(1) * q.size(3),
              [&](int64_t begin, int64_t end) { kernels::cpu<T>().attention_grad(params, begin, end); });
  });
  return {dq, dk, dv};
}

}  // namespace

at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double scale, int64_t window) {
  TORCH_CHECK(k.size(1) >= q.size(1) && q.size(2) % k.size(2) == 0, "attention: q ", q.sizes(), " does not go with k ",
              k.sizes());
  if (q.is_cuda()) return device_attention(q, k, v, scale, window);
  if (is_low_precision_cpu(q)) {
    return attention(q.to(at::kFloat), k.to(at::kFloat), v.to(at::kFloat), scale, window).to(q.scalar_type());
  }
  if (!has_cpu_kernels(q)) return reference::attention(q, k, v, scale, window);
  const auto compute = [&](bool keep) { return forward(q, k, v, scale, window, keep); };
  return differentiable({q, k, v}, compute, [scale, window](const Tensors& saved, const Tensors& outer) {
    return backward(saved, outer, scale, window);
  })[0];
}

at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double scale, int64_t window,
                     const std::vector<int64_t>& keys) {
  TORCH_CHECK(std::ssize(keys) == q.size(0) && q.size(2) % k.size(2) == 0, "attention: q ", q.sizes(),
              " does not go with k ", k.sizes(), " and the keys of ", keys.size(), " rows");
  const auto [fewest, most] = std::minmax_element(keys.begin(), keys.end());
  TORCH_CHECK(*fewest >= q.size(1), "attention: ", q.size(1), " queries of a row of ", *fewest, " keys");
  const bool gradient = c10::GradMode::is_enabled() && (q.requires_grad() || k.requires_grad() || v.requires_grad());
  if (!has_cpu_kernels(q) || gradient || *most > k.size(1)) return masked_attention(q, k, v, scale, window, keys);
  return forward(q, k, v, scale, window, false, keys.data()).outputs[0];
}

}  // namespace zebra::ops
