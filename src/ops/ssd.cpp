#include "ops/ssd.h"

#include "ops/autograd.h"
#include "ops/compute_type.h"
#include "ops/cpu.h"

namespace zebra::ops {

namespace {

constexpr int64_t kDeviceChunk = 64;
constexpr int64_t kSavedEvery = 64;  // tokens between the states that the gradient starts from

struct Inputs {
  at::Tensor x, dt, A, B, C, D, initial;
};

template <class T>
kernels::Ssd<T> make_params(const Inputs& in, const at::Tensor& saved) {
  return {.length = in.x.size(1),
          .heads = in.C.size(2),
          .kv_heads = in.x.size(2),
          .head_dim = in.x.size(3),
          .state = in.C.size(3),
          .x = pointer<T>(in.x),
          .dt = pointer<T>(in.dt),
          .A = pointer<T>(in.A),
          .B = pointer<T>(in.B),
          .C = pointer<T>(in.C),
          .D = pointer<T>(in.D),
          .x_batch = in.x.stride(0),
          .x_token = in.x.stride(1),
          .x_head = in.x.stride(2),
          .b_batch = in.B.stride(0),
          .b_token = in.B.stride(1),
          .b_head = in.B.stride(2),
          .c_batch = in.C.stride(0),
          .c_token = in.C.stride(1),
          .c_head = in.C.stride(2),
          .dt_batch = in.dt.stride(0),
          .dt_token = in.dt.stride(1),
          .initial = pointer<T>(in.initial),
          .chunk = kSavedEvery,
          .saved = pointer<T>(saved)};
}

int64_t round_up(int64_t n, int64_t to) {
  return (n + to - 1) / to * to;
}

Computed forward(const Inputs& given, bool want_final, bool keep) {
  const Inputs in{dense_last(given.x),
                  dense_last(given.dt),
                  given.A.contiguous(),
                  dense_last(given.B),
                  dense_last(given.C),
                  given.D.contiguous(),
                  given.initial.defined() ? given.initial.contiguous() : at::Tensor()};
  const int64_t batch = in.x.size(0), length = in.x.size(1), heads = in.C.size(2), kv_heads = in.x.size(2);
  const int64_t head_dim = in.x.size(3), state = in.C.size(3);
  const at::Tensor y = at::empty({batch, length, heads, head_dim}, in.x.options());
  const at::Tensor last = want_final ? at::empty({batch, heads, head_dim, state}, in.x.options()) : at::Tensor();
  at::Tensor saved;
  with_type(in.x, [&](auto zero) {
    using T = decltype(zero);
    const auto& kernel = kernels::cpu<T>();
    if (keep) {
      saved = at::empty({batch, heads, (length + kSavedEvery - 1) / kSavedEvery, round_up(head_dim, kernel.lanes),
                         round_up(state, kernel.lanes)},
                        in.x.options());
    }
    auto params = make_params<T>(in, saved);
    params.y = pointer<T>(y);
    params.final = pointer<T>(last);
    for_items(batch * kv_heads, length * (heads / kv_heads) * head_dim * state,
              [&](int64_t begin, int64_t end) { kernel.ssd(params, begin, end); });
  });
  Computed result{{y}, {in.x, in.dt, in.A, in.B, in.C, in.D, in.initial, saved}};
  if (want_final) result.outputs.push_back(last);
  return result;
}

Tensors backward(const Tensors& kept, const Tensors& outer) {
  const Inputs in{kept[0], kept[1], kept[2], kept[3], kept[4], kept[5], kept[6]};
  const int64_t batch = in.x.size(0), length = in.x.size(1), heads = in.C.size(2), kv_heads = in.x.size(2);
  const int64_t head_dim = in.x.size(3), state = in.C.size(3);
  const auto options = in.x.options();
  const at::Tensor dy =
      outer[0].defined() ? outer[0].contiguous() : at::zeros({batch, length, heads, head_dim}, options);
  const at::Tensor d_final = outer.size() > 1 && outer[1].defined() ? outer[1].contiguous() : at::Tensor();
  const at::Tensor dx = at::empty(in.x.sizes(), options), d_dt = at::empty(in.dt.sizes(), options);
  const at::Tensor dB = at::empty(in.B.sizes(), options), dC = at::empty(in.C.sizes(), options);
  const at::Tensor dA = at::empty({batch, heads}, options), dD = at::empty({batch, heads}, options);
  const at::Tensor d_initial = in.initial.defined() ? at::empty_like(in.initial) : at::Tensor();
  with_type(in.x, [&](auto zero) {
    using T = decltype(zero);
    const kernels::SsdGrad<T> params{.forward = make_params<T>(in, kept[7]),
                                     .dy = pointer<T>(dy),
                                     .d_final = pointer<T>(d_final),
                                     .dx = pointer<T>(dx),
                                     .d_dt = pointer<T>(d_dt),
                                     .dB = pointer<T>(dB),
                                     .dC = pointer<T>(dC),
                                     .dA = pointer<T>(dA),
                                     .dD = pointer<T>(dD),
                                     .d_initial = pointer<T>(d_initial)};
    for_items(batch * kv_heads, length * (heads / kv_heads) * head_dim * state * 4,
              [&](int64_t begin, int64_t end) { kernels::cpu<T>().ssd_grad(params, begin, end); });
  });
  return {dx, d_dt, dA.sum(0), dB, dC, dD.sum(0), d_initial};
}

}  // namespace

at::Tensor ssd(const at::Tensor& x, const at::Tensor& dt, const at::Tensor& A, const at::Tensor& Bm,
               const at::Tensor& C, const at::Tensor& D, const at::Tensor& initial, at::Tensor* final_state) {
  if (!has_cpu_kernels(x) && !is_low_precision_cpu(x)) {
    if (x.size(1) == 1) return reference::ssd_recurrence(x, dt, A, Bm, C, D, initial, final_state);
    return reference::ssd_chunked(x, dt, A, Bm, C, D, initial, final_state, kDeviceChunk);
  }
  const auto type = compute_type(x);
  const Inputs in{x.to(type),
                  dt.to(type),
                  A.to(type),
                  Bm.to(type),
                  C.to(type),
                  D.to(type),
                  initial.defined() ? initial.to(type) : initial};
  const auto compute = [&](bool keep) { return forward(in, final_state != nullptr, keep); };
  const Tensors out = differentiable({in.x, in.dt, in.A, in.B, in.C, in.D, in.initial}, compute, backward);
  if (final_state != nullptr) *final_state = out[1];
  return out[0].to(x.scalar_type());
}

}  // namespace zebra::ops
