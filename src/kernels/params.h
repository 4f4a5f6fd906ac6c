#pragma once
// What the kernels of an op are given: plain structs of pointers and strides (in elements). The last dimension of
// every tensor is contiguous. Kernels work on a range of items and know nothing of threads: ops splits the items.
// B batch, L length, D width, H heads, K kv heads, P head dim of x, N state size, W conv taps.
#include <cstdint>

namespace zebra::kernels {

// y = x * rstd * weight; an item is a row of D.
template <class T>
struct RmsNorm {
  int64_t width;
  double eps;
  const T *x, *weight;
  int64_t x_stride;
  T *y, *rstd;  // rstd may be null
};
// An item is a block of `block_rows` rows with its own row of d_weight [blocks, D].
template <class T>
struct RmsNormGrad {
  int64_t width, rows, block_rows;
  const T *x, *weight, *rstd, *dy;
  int64_t x_stride, dy_stride;
  T *dx, *d_weight;
};

// y = silu(gate) * up; an item is an element of the contiguous tensors.
template <class T>
struct Swiglu {
  const T *gate, *up;
  T* y;
};
template <class T>
struct SwigluGrad {
  const T *gate, *up, *dy;
  T *d_gate, *d_up;
};

// out = norm(y * silu(z)) * weight in groups; an item is a row of D (forward) or a block of rows (backward).
template <class T>
struct GatedGroupNorm {
  int64_t width, group;
  double eps;
  const T *y, *z, *weight;
  int64_t y_stride, z_stride;
  T* out;
};
template <class T>
struct GatedGroupNormGrad {
  int64_t width, group, rows, block_rows;
  double eps;
  const T *y, *z, *weight, *d_out;
  int64_t y_stride, z_stride, d_out_stride;
  T *dy, *dz, *d_weight;  // d_weight [blocks, D]
};

// out = silu(bias + sum over taps); an item is one block of `block` positions of one row of the batch.
template <class T>
struct CausalConv {
  int64_t length, width, taps, block, blocks;  // blocks of a row
  const T *x, *weight, *bias, *before;         // weight transposed: [W, D]; before [B, W - 1, D] or null
  int64_t x_batch, x_stride;
  T* out;  // [B, L, D]
};
template <class T>
struct CausalConvGrad {
  CausalConv<T> forward;
  const T* d_out;
  int64_t d_out_batch, d_out_stride;
  T *dx, *d_before;  // d_before [B, W - 1, D] or null
  T* d_weight;       // [items, W + 1, D]: taps, then the bias
};

// Rotates the last 2 * half entries of every head and copies the others; an item is a token of B * L.
template <class T>
struct Rope {
  int64_t length, heads, width, half;
  bool interleaved;
  double direction;  // 1, or -1 for the gradient
  const T* x;
  int64_t x_batch, x_token, x_head;
  const float *cos, *sin;  // [B or 1, L, half]
  int64_t table_batch;     // 0 if one table serves all rows
  T* y;                    // [B, L, H, width]
};

// Causal softmax attention. An item is a block of query rows of one kv head: row r of (b, k) is query r / G of head
// k * G + r % G, so that the heads which share keys share the work of loading them.
template <class T>
struct Attention {
  int64_t length, keys, heads, kv_heads, dim_k, dim_v, window;
  double scale;
  const T *q, *k, *v;
  int64_t q_batch, q_token, q_head, k_batch, k_token, k_head, v_batch, v_token, v_head;
  T* out;                             // [B, L, H, Dv]
  T* log_sum;                         // [B, L, H] or null: base-2 logarithm of the sum of the exponentials
  const int64_t* row_keys = nullptr;  // of each row, at most `keys`; null: `keys` of every row. Not with a gradient
};
// An item is one kv head of one row of the batch.
template <class T>
struct AttentionGrad {
  Attention<T> forward;  // with out and log_sum filled
  const T* d_out;
  int64_t d_out_batch, d_out_token, d_out_head;
  T *dq, *dk, *dv;  // contiguous
};

// Mamba2's recurrence; an item is one kv head of one row of the batch.
template <class T>
struct Ssd {
  int64_t length, heads, kv_heads, head_dim, state;
  const T *x, *dt, *A, *B, *C, *D;
  int64_t x_batch, x_token, x_head, b_batch, b_token, b_head, c_batch, c_token, c_head, dt_batch, dt_token;
  const T* initial;  // [B, H, P, N] or null
  T* final;          // the same or null
  T* y;              // [B, L, H, P]
  int64_t chunk;     // distance of the saved states
  T* saved;          // states before each chunk, for the gradient: [B, H, chunks, saved_state_size()], or null
};
template <class T>
struct SsdGrad {
  Ssd<T> forward;
  const T* dy;  // [B, L, H, P]
  const T* d_final;
  T *dx, *d_dt, *dB, *dC;  // contiguous, like x, dt, B, C
  T *dA, *dD;              // [B, H]
  T* d_initial;            // [B, H, P, N] or null
};

// Loss of one token and its gradient, in place of the student's logits; an item is a token.
template <class T>
struct KlRows {
  int64_t vocabulary;
  T* teacher;  // its logits; overwritten
  T* student;  // in: logits, out: (softmax of them - softmax of teacher) * share
  double share;
  double* loss;  // of each token
};
template <class T>
struct CrossEntropyRows {
  int64_t vocabulary;
  const int64_t* targets;
  T* logits;
  double share;
  double* loss;
};

// y = weight x + bias; an item is a row of the contiguous weight [rows, width]; bias may be null.
template <class T>
struct MatVec {
  int64_t width;
  const T *weight, *x, *bias;
  T* y;
};

// KL divergence from a teacher (or, without one, cross entropy of `targets`) of the logits hidden head^T, with the
// gradients of share * (sum of losses); an item is a slot of tokens.
template <class T>
struct HeadLoss {
  int64_t tokens, slot_rows, vocabulary, width, teacher_width;
  const T *hidden, *head_packed, *head_packed_back, *teacher_hidden, *teacher_head_packed;
  int64_t hidden_stride, teacher_stride;
  const int64_t* targets;
  double share;
  double* loss;          // of each token
  T *d_hidden, *d_head;  // null where not wanted; d_head [slots, vocabulary, width]
};

// Packs element (k, n) = from[k * k_stride + n * n_stride] of an [inner, cols] matrix for Gemm.
template <class T>
struct Pack {
  int64_t inner, cols, k_stride, n_stride;
  const T* from;
  T* to;
};
// c [rows, cols] = a [rows, inner] times a packed matrix, plus bias (may be null); an item is gemm_block_rows rows.
template <class T>
struct Gemm {
  int64_t rows, inner, cols;
  const T *a, *packed, *bias;
  T* c;
  int64_t a_stride, c_stride;
};
// c [n, k] = a [rows, n]^T b [rows, k], one sum per slot of rows; an item is a slot.
template <class T>
struct GemmSum {
  int64_t rows, slot_rows, n, k;
  const T *a, *b;
  int64_t a_stride, b_stride;
  T* c;  // [slots, n, k]
};

// y = down(silu(gate(x)) * up(x)) with packed weights; an item is gemm_block_rows rows.
template <class T>
struct Mlp {
  int64_t rows, width, inner;
  const T *x, *gate_packed, *up_packed, *down_packed;
  int64_t x_stride;
  T *gate, *up, *y;  // gate and up may be null
};
// The weights are packed the other way round; an item is a slot of rows.
template <class T>
struct MlpGrad {
  int64_t rows, slot_rows, width, inner;
  const T *x, *gate, *up, *dy, *gate_packed, *up_packed, *down_packed;
  int64_t x_stride, dy_stride;
  T *dx, *d_weights;  // d_weights [slots, 3, inner * width]: gate, up [inner, width], down [width, inner]
};

// An item is an element. correction: 1 - beta^step.
template <class T>
struct AdamW {
  T lr, beta1, beta2, eps, weight_decay, grad_scale, correction1, correction2;
  T *param, *m, *v;
  const T* grad;
};

}  // namespace zebra::kernels
