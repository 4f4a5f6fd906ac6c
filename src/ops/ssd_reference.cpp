#include "ops/compute_type.h"
#include "ops/ssd.h"

namespace zebra::ops {

namespace {

// [B, L, K, X] -> [B, L, H, X] in the type of computation.
at::Tensor for_each_head(const at::Tensor& shared, int64_t heads) {
  return to_compute_type(shared).repeat_interleave(heads / shared.size(2), 2);
}

// From logarithms of the decay up to each step [.., L]: the decay from step j (column) to i (row), 0 where j > i.
at::Tensor decay_between(const at::Tensor& log_decay) {
  const int64_t length = log_decay.size(-1);
  const at::Tensor future = at::ones({length, length}, log_decay.options().dtype(at::kBool)).triu(1);
  return (log_decay.unsqueeze(-1) - log_decay.unsqueeze(-2))
      .masked_fill(future, -std::numeric_limits<double>::infinity())
      .exp();
}

at::Tensor initial_state(const at::Tensor& initial, const at::Tensor& x, const at::Tensor& C) {
  if (initial.defined()) return initial.to(compute_type(x));
  return at::zeros({x.size(0), C.size(2), x.size(3), C.size(3)}, x.options().dtype(compute_type(x)));
}

}  // namespace

at::Tensor ssd_matrix(const at::Tensor& dt, const at::Tensor& A, const at::Tensor& Bm, const at::Tensor& C,
                      const at::Tensor& D) {
  const auto type = compute_type(C);
  const int64_t length = C.size(1), heads = C.size(2);
  const at::Tensor step = dt.to(type).transpose(1, 2);  // [B, H, L]
  const at::Tensor between = decay_between((step * A.to(type).unsqueeze(-1)).cumsum(-1));
  const at::Tensor b = for_each_head(Bm, heads).permute({0, 2, 3, 1});  // [B, H, N, L]
  const at::Tensor matrix = at::matmul(C.to(type).transpose(1, 2), b) * between * step.unsqueeze(-2);
  return matrix + at::diag_embed(D.to(type).unsqueeze(-1).expand({heads, length}));
}

at::Tensor reference::ssd_recurrence(const at::Tensor& x, const at::Tensor& dt, const at::Tensor& A,
                                     const at::Tensor& Bm, const at::Tensor& C, const at::Tensor& D,
                                     const at::Tensor& initial, at::Tensor* final_state) {
  const auto type = compute_type(x);
  const at::Tensor xs = for_each_head(x, C.size(2)), bs = for_each_head(Bm, C.size(2)), cs = C.to(type);
  const at::Tensor step = dt.to(type);
  const at::Tensor decay = (step * A.to(type)).exp();  // [B, L, H]
  at::Tensor h = initial_state(initial, x, C);         // [B, H, P, N]
  std::vector<at::Tensor> outputs;
  for (int64_t t = 0; t < x.size(1); ++t) {
    const at::Tensor input = step.select(1, t).unsqueeze(-1) * xs.select(1, t);  // [B, H, P]
    h = decay.select(1, t).unsqueeze(-1).unsqueeze(-1) * h + input.unsqueeze(-1) * bs.select(1, t).unsqueeze(-2);
    outputs.push_back(at::matmul(h, cs.select(1, t).unsqueeze(-1)).squeeze(-1));
  }
  if (final_state != nullptr) *final_state = h;
  return (at::stack(outputs, 1) + D.to(type).unsqueeze(-1) * xs).to(x.scalar_type());
}

at::Tensor reference::ssd_chunked(const at::Tensor& x, const at::Tensor& dt, const at::Tensor& A, const at::Tensor& Bm,
                                  const at::Tensor& C, const at::Tensor& D, const at::Tensor& initial,
                                  at::Tensor* final_state, int64_t chunk) {
  const auto type = compute_type(x);
  const int64_t length = x.size(1), heads = C.size(2);
  const int64_t padding = (chunk - length % chunk) % chunk;  // steps of length 0 change nothing
  // [B, L, H, X] -> [B, chunks, H, Q, X]
  const auto split = [&](const at::Tensor& value) {
    return at::constant_pad_nd(value, {0, 0, 0, 0, 0, padding}).unflatten(1, {-1, chunk}).transpose(2, 3);
  };
  const at::Tensor xs = for_each_head(x, heads), step = dt.to(type).unsqueeze(-1);
  const at::Tensor input = split(xs * step), b = split(for_each_head(Bm, heads)), c = split(C.to(type));
  const at::Tensor log_decay = split(step * A.to(type).unsqueeze(-1)).squeeze(-1).cumsum(-1);  // [B, chunks, H, Q]

  // Within a chunk: y_i = sum over j <= i of exp(log decay from j to i) (C_i . B_j) dt_j x_j.
  at::Tensor y =
      at::matmul(at::matmul(c, b.transpose(-1, -2)) * decay_between(log_decay), input);  // [B, chunks, H, Q, P]

  // Across chunks: what each adds to the state, and what the state before it adds to its outputs.
  const at::Tensor to_end = (log_decay.slice(-1, chunk - 1) - log_decay).exp().unsqueeze(-1);
  const at::Tensor added = at::matmul((input * to_end).transpose(-1, -2), b);  // [B, chunks, H, P, N]
  const at::Tensor whole = log_decay.select(-1, chunk - 1).exp();              // [B, chunks, H]
  at::Tensor h = initial_state(initial, x, C);
  std::vector<at::Tensor> states;
  for (int64_t i = 0; i < added.size(1); ++i) {
    states.push_back(h);
    h = whole.select(1, i).unsqueeze(-1).unsqueeze(-1) * h + added.select(1, i);
  }
  if (final_state != nullptr) *final_state = h;
  y = y + at::matmul(c * log_decay.exp().unsqueeze(-1), at::stack(states, 1).transpose(-1, -2));
  y = y.transpose(2, 3).flatten(1, 2).narrow(1, 0, length);
  return (y + D.to(type).unsqueeze(-1) * xs).to(x.scalar_type());
}

}  // namespace zebra::ops
