#pragma once
// The one interface of everything that mixes along the sequence: attention, MLA, Mamba2.
// B batch, L length, D hidden size, E width before the output projection; T tokens of a call that continues sequences.
#include <ATen/ATen.h>

#include <string>
#include <utility>

#include "layers/linear.h"
#include "layers/memory.h"
#include "layers/parameters.h"

namespace zebra {

class Mixer {
 public:
  virtual ~Mixer() = default;

  // The mixer without its output projection on rows that begin at position 0: u [B, L, D] (already normalised) ->
  // [B, L, E]. Nothing is remembered (training).
  virtual at::Tensor inner(const at::Tensor& u) const = 0;

  // How much of every token j a token i takes: [B, H, L, L] in the type of computation, 0 where j > i; written out, so
  // for short rows only. Attention's weights; of Mamba2 the matrix that its recurrence amounts to (ops/ssd.h), before
  // the norm and the gate.
  virtual at::Tensor mixing(const at::Tensor& u) const = 0;

  // inner() and the output projection; documents one by one.
  at::Tensor forward(const at::Tensor& u, const Rows& rows = {}) const;

  // Memory of that size for extend(), all zeros.
  virtual LayerMemory make_memory(const MemorySize& size) const = 0;

  // Tokens that continue sequences, u [T, D] -> [T, D]: a text read at once, in pieces or token by token gives the same
  // outputs as forward() of the whole, whatever else the batch holds.
  virtual at::Tensor extend(const at::Tensor& u, const Batch& batch, LayerMemory& memory) const = 0;

  // The same for a single token on plain fp32 memory, u [D] -> y [D]: in a small model the calls of tensor operations
  // cost more than their arithmetic. It stands at `position` of a sequence that has page and slot `row`, where
  // can_step() allows it.
  virtual bool can_step(const LayerMemory& /*memory*/) const { return false; }
  virtual void step(const float* /*u*/, float* /*y*/, LayerMemory& /*memory*/, int64_t /*row*/,
                    int64_t /*position*/) const {
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
