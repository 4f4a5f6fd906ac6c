#pragma once
// The state-space recurrence of Mamba2 over whole sequences: h_t = exp(dt_t A) h_{t-1} + dt_t x_t B_t^T,
// y_t = h_t C_t + D x_t. In chunks of 64 tokens: within a chunk by products of matrices that never leave the
// multiprocessor, from chunk to chunk by the state in registers. b batch, L length, H heads, K kv heads, P = N head
// dim; heads of a group share x and B.
#include <cstdint>

namespace zebra::kernels {

struct SsdChunk {
  int32_t batch, heads, kv_heads, dim;
  int64_t length;      // L, the same in every row; lengths says what is real
  bool fp32;           // type of x, B, C and y: fp32, or bf16
  const void *x, *B;   // [b, L, K, P]
  const void* C;       // [b, L, H, N]
  void* y;             // [b, L, H, P]; 0 in the padding
  const float* dt;     // [b, L, H], after softplus, not below 0
  const float *A, *D;  // [H]; A is below 0
  // Elements from one row of the batch, token or head to the next; within a head values are contiguous.
  int64_t x_batch, x_token, x_head, B_batch, B_token, B_head, C_batch, C_token, C_head, y_batch, y_token, y_head;
  int64_t dt_batch, dt_token;
  const int32_t* lengths;  // [b] real tokens of a row, or null: all. Padding may hold anything and changes no state.
  const uint8_t* starts;   // [b, L] not 0 where a document begins: nothing before it is seen; or null
  const float* initial;    // [b, H, P, N] or null: zeros
  float* final_state;      // [b, H, P, N] or null; may be `initial`
  // A sequence is cut into `segments`, which different blocks do at the same time: what each adds to the state is
  // computed first. 1 where sequences and heads fill the GPU; ssd_segments says how many.
  int32_t segments;
  float* workspace;  // ssd_workspace floats, or null where that is 0
  void* stream;      // cudaStream_t
};

// One compiled form of the kernel.
struct SsdForm {
  const char* name;
  int32_t dim;     // 0: any
  int32_t blocks;  // that share a multiprocessor
  int32_t heads;   // of a block: they share x and B in shared memory
  int32_t split;   // blocks a head, each with a part of the state's rows
  int32_t threads;
  int64_t shared_bytes;
  bool needs_sm90a;
  const char* (*launch)(const SsdChunk& p, const SsdForm& form);
};

constexpr int kSsdChunk = 64;  // tokens; segments are cut at multiples of it

// All forms that are compiled in; the general one is last.
const SsdForm* ssd_forms(int32_t* count);
// The form for these sizes on the current device: null, and *error set, where there is none.
const SsdForm* choose_ssd_form(const SsdChunk& p, const char** error);
// Whether a form can do this call on the current device.
bool ssd_form_fits(const SsdForm& form, const SsdChunk& p);
// How many segments fill the current device, and what workspace so many need, in floats.
int32_t ssd_segments(const SsdForm& form, const SsdChunk& p);
int64_t ssd_workspace(const SsdChunk& p, int32_t segments);
// Null, or what is wrong. The call is asynchronous on p.stream.
const char* launch_ssd_chunk(const SsdChunk& p, const SsdForm& form);

}  // namespace zebra::kernels
