#pragma once
// The state-space recurrence of Mamba2. The plain-ATen twin in ops::reference is what the tests hold the fast path to;
// it also serves other devices and dtypes. Shapes: B batch, L length, D width, H heads, K kv heads, P head dim of x, N
// state size.
#include <ATen/ATen.h>

namespace zebra::ops {

// Mamba2's recurrence (Dao & Gu 2024, "Transformers are SSMs"): h_t = exp(dt_t A) h_{t-1} + dt_t x_t B_t^T,
// y_t = h_t C_t + D x_t, chunked for sequences. x [B, L, K, P], Bm [B, L, K, N] are shared by H / K heads,
// C [B, L, H, N], dt [B, L, H] (after softplus), A [H] (negative), D [H].
// `initial` [B, H, P, N] fp32 or undefined; if `final_state` is given it receives [B, H, P, N] fp32.
at::Tensor ssd(const at::Tensor& x, const at::Tensor& dt, const at::Tensor& A, const at::Tensor& Bm,
               const at::Tensor& C, const at::Tensor& D, const at::Tensor& initial = {},
               at::Tensor* final_state = nullptr);

// The same from a state of zeros as one matrix, y = M x: M_ij = (C_i . B_j) dt_j exp(sum of dt A behind j up to i),
// plus D on the diagonal. [B, H, L, L] in the type of computation, 0 above the diagonal: written out, so for short rows
// only.
at::Tensor ssd_matrix(const at::Tensor& dt, const at::Tensor& A, const at::Tensor& Bm, const at::Tensor& C,
                      const at::Tensor& D);

namespace reference {
// Sequential definition of the recurrence, and the chunked form in plain ATen (any chunk length).
at::Tensor ssd_recurrence(const at::Tensor& x, const at::Tensor& dt, const at::Tensor& A, const at::Tensor& Bm,
                          const at::Tensor& C, const at::Tensor& D, const at::Tensor& initial, at::Tensor* final_state);
at::Tensor ssd_chunked(const at::Tensor& x, const at::Tensor& dt, const at::Tensor& A, const at::Tensor& Bm,
                       const at::Tensor& C, const at::Tensor& D, const at::Tensor& initial, at::Tensor* final_state,
                       int64_t chunk);
}  // namespace reference

}  // namespace zebra::ops
