#include "layers/step.h"

#include "ops/cpu.h"

namespace zebra::step {

bool is_plain(const at::Tensor& tensor) {
  return !tensor.defined() || (tensor.scalar_type() == at::kFloat && tensor.is_cpu() && tensor.is_contiguous());
}

void multiply(const float* weight, const float* bias, int64_t out, int64_t in, const float* x, float* y) {
  const kernels::MatVec<float> params{.width = in, .weight = weight, .x = x, .bias = bias, .y = y};
  // Threads take whole groups of rows, as the kernel does.
  constexpr int64_t kRows = 16;
  ops::for_items((out + kRows - 1) / kRows, kRows * in, [&](int64_t begin, int64_t end) {
    kernels::cpu<float>().matvec(params, begin * kRows, std::min(out, end * kRows));
  });
}

void multiply(const Linear& linear, const float* x, float* y) {
  multiply(data(linear.weight), data(linear.bias), linear.weight.size(0), linear.weight.size(1), x, y);
}

void rms_norm(const RmsNorm& norm, const float* x, float* y, int64_t rows) {
  const int64_t width = norm.weight.size(0);
  kernels::cpu<float>().rms_norm({.width = width,
                                  .eps = norm.eps,
                                  .x = x,
                                  .weight = data(norm.weight),
                                  .x_stride = width,
                                  .y = y,
                                  .rstd = nullptr},
                                 0, rows);
}

void swiglu(float* gate, const float* up, int64_t count) {
  kernels::cpu<float>().swiglu({.gate = gate, .up = up, .y = gate}, 0, count);
}

Turn::Turn(const Rope& rope, int64_t dim, int64_t position) : dim(dim), interleaved(rope.interleaved()) {
  std::tie(cos_table, sin_table) = rope.tables(position + 1, at::kCPU);
  cos = data(cos_table) + position * (dim / 2);
  sin = data(sin_table) + position * (dim / 2);
}

void Turn::operator()(float* x, int64_t heads, int64_t stride) const {
  const int64_t half = dim / 2, apart = interleaved ? 1 : half, next = interleaved ? 2 : 1;
  for (int64_t head = 0; head < heads; ++head) {
    float* pairs = x + head * stride;
    for (int64_t i = 0; i < half; ++i) {
      float &a = pairs[i * next], &b = pairs[i * next + apart];
      const float turned = a * cos[i] - b * sin[i];
      b = b * cos[i] + a * sin[i];
      a = turned;
    }
  }
}

void attend(const Attend& a) {
  const kernels::Attention<float> params{.length = 1,
                                         .keys = a.keys,
                                         .heads = a.heads,
                                         .kv_heads = a.kv_heads,
                                         .dim_k = a.dim_k,
                                         .dim_v = a.dim_v,
                                         .window = a.window,
                                         .scale = a.scale,
                                         .q = a.q,
                                         .k = a.k,
                                         .v = a.v,
                                         .q_batch = 0,
                                         .q_token = 0,
                                         .q_head = a.dim_k,
                                         .k_batch = 0,
                                         .k_token = a.k_token,
                                         .k_head = a.k_head,
                                         .v_batch = 0,
                                         .v_token = a.v_token,
                                         .v_head = a.v_head,
                                         .out = a.out,
                                         .log_sum = nullptr};
  const int64_t rows = a.heads / a.kv_heads, block = kernels::cpu<float>().attention_rows;
  const int64_t items = a.kv_heads * ((rows + block - 1) / block);
  ops::for_items(items, a.keys * (a.dim_k + a.dim_v),
                 [&](int64_t begin, int64_t end) { kernels::cpu<float>().attention(params, begin, end); });
}

}  // namespace zebra::step
