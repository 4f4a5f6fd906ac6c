#pragma once
// The parts of a single step on plain fp32 memory (Mixer::step), over the same kernels that the ops use.
#include <memory>

#include "layers/linear.h"
#include "layers/norm.h"
#include "layers/rope.h"

namespace zebra::step {

using Floats = std::unique_ptr<float[]>;
inline Floats floats(int64_t count) {
  return std::make_unique_for_overwrite<float[]>(static_cast<size_t>(count));
}

// Whether a tensor is what these functions read: fp32, contiguous, on the CPU. An absent one is.
bool is_plain(const at::Tensor& tensor);
inline bool is_plain(const Linear& linear) {
  return is_plain(linear.weight) && is_plain(linear.bias);
}
inline bool is_plain(const RmsNorm& norm) {
  return is_plain(norm.weight);
}
inline float* data(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.mutable_data_ptr<float>() : nullptr;
}

void multiply(const float* weight, const float* bias, int64_t out, int64_t in, const float* x, float* y);
void multiply(const Linear& linear, const float* x, float* y);
void rms_norm(const RmsNorm& norm, const float* x, float* y, int64_t rows = 1);  // y may be x
void swiglu(float* gate, const float* up, int64_t count);                        // in place

// Rotates `heads` heads that lie `stride` apart, in place.
struct Turn {
  at::Tensor cos_table, sin_table;  // keep the memory alive
  const float *cos, *sin;           // of this position, [dim / 2]
  int64_t dim;
  bool interleaved;
  Turn(const Rope& rope, int64_t dim, int64_t position);
  void operator()(float* x, int64_t heads, int64_t stride) const;
};

struct Attend {
  int64_t keys, heads, kv_heads, dim_k, dim_v, window;
  double scale;
  const float *q, *k, *v;                    // q [H, dim_k] contiguous
  int64_t k_token, k_head, v_token, v_head;  // strides
  float* out;                                // [H, dim_v]
};
void attend(const Attend& a);

}  // namespace zebra::step
