#pragma once
// The one interface of everything that mixes along the sequence: attention, MLA, Mamba2.
// B batch, L length of this call, D hidden size, E width before the output projection.
#include <ATen/ATen.h>

#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>

#include "ops/linear.h"

namespace zebra {

// y = x W^T + b; `bias` undefined where the checkpoint has none.
struct Linear {
  at::Tensor weight;  // [out, in]
  at::Tensor bias;    // [out] or undefined
  at::Tensor operator()(const at::Tensor& x) const { return ops::linear(x, weight, bias); }
};

// Called once for every parameter with its checkpoint name; may replace the tensor (loading, casting, moving).
// A parameter's shape and dtype are known before its values: layers are built with uninitialised memory.
using ParameterVisitor = std::function<void(const std::string& name, at::Tensor& value)>;

// Which tokens a call holds. Rows are right-padded: row b has lengths[b] <= L real tokens (an undefined `lengths` means
// that all rows are full). Padding never changes a state, and its outputs are meaningless.
// Or rows are full and hold documents that do not see each other: positions, states and the convolution's memory begin
// anew with each (calls without a state only).
struct Span {
  at::Tensor lengths;  // int64 [B] on the CPU, or undefined
  at::Tensor starts;   // bool [B, L] on the CPU: where a document begins, as each row does; or undefined
};

// What a mixer remembers between calls: a cache of keys and values, of latents, or a recurrent state.
// `seen` counts the real tokens of each row so far; the model keeps one State per layer.
struct State {
  virtual ~State() = default;
  virtual size_t bytes() const = 0;  // memory held for all rows
  // A copy whose row i is row places[i] (int64 on the CPU) of this one: what several continuations of a row start from.
  virtual std::unique_ptr<State> rows(const at::Tensor& places) const = 0;
  at::Tensor seen;  // int64 [B] on the CPU
};

// rows() of a state of these tensors, which hold a row of the batch each.
template <class Kind>
std::unique_ptr<State> copied_rows(const Kind& state, const at::Tensor& places,
                                   std::initializer_list<at::Tensor Kind::*> tensors) {
  auto out = std::make_unique<Kind>();
  for (const auto tensor : tensors) {
    const at::Tensor& all = state.*tensor;
    out.get()->*tensor = all.index_select(0, places.to(all.device()));
  }
  out->seen = state.seen.index_select(0, places);
  return out;
}

class Mixer {
 public:
  virtual ~Mixer() = default;

  // A fresh state for `batch` rows of at most `capacity` tokens.
  virtual std::unique_ptr<State> make_state(int64_t batch, int64_t capacity) const = 0;

  // The mixer without its output projection: u [B, L, D] (already normalised) -> [B, L, E].
  // Without a state the rows start at position 0 and nothing is remembered (training); with one the call continues
  // where the state stands, so that prefill, chunked prefill and single steps give the same outputs.
  virtual at::Tensor inner(const at::Tensor& u, const Span& span, State* state) const = 0;

  // How much of every token j a token i takes: [B, H, L, L] in the type of computation, 0 where j > i; written out, so
  // for short rows only. Attention's weights; of Mamba2 the matrix that its recurrence amounts to (ops/ssd.h), before
  // the norm and the gate.
  virtual at::Tensor mixing(const at::Tensor& u) const = 0;

  // inner() and the output projection; documents of `span` one by one.
  at::Tensor forward(const at::Tensor& u, const Span& span, State* state) const;

  // A single token of a single row on plain fp32 memory, u [D] -> y [D], output projection included: in a small model
  // the calls of tensor operations cost more than their arithmetic. It continues `state` exactly as forward() does,
  // where can_step() allows it.
  virtual bool can_step(const State& /*state*/) const { return false; }
  virtual void step(const float* /*u*/, float* /*y*/, State& /*state*/) const {
    TORCH_CHECK(false, "this mixer has no single step");
  }

  virtual const Linear& output_projection() const = 0;
  Linear& output_projection() { return const_cast<Linear&>(std::as_const(*this).output_projection()); }

  // Parameters as "<prefix>.q_proj.weight" ...; the prefix is "model.layers.3.self_attn", ".mla" or ".mamba".
  virtual void parameters(const std::string& prefix, const ParameterVisitor& visit) = 0;

 private:
  at::Tensor by_document(const at::Tensor& u, const at::Tensor& starts) const;
};

}  // namespace zebra
