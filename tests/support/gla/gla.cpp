#include "support/gla/gla.h"

#include <cmath>

namespace zebra {

Gla::Gla(const GlaConfig& config, at::TensorOptions options, Ropes&)
    : config_(config),
      q_proj_(make_linear(config.hidden, config.heads * config.head_dim, false, options)),
      k_proj_(make_linear(config.hidden, config.kv_heads * config.head_dim, false, options)),
      v_proj_(make_linear(config.hidden, config.kv_heads * config.head_dim, false, options)),
      g_proj_(make_linear(config.hidden, config.heads, true, options)),
      o_proj_(make_linear(config.heads * config.head_dim, config.hidden, false, options)) {}

Gla::Parts Gla::parts(const at::Tensor& u) const {
  const auto heads = [&](const at::Tensor& rows, int64_t count) {
    const at::Tensor split = rows.unflatten(-1, {count, config_.head_dim}).transpose(1, 2);
    return split.repeat_interleave(config_.heads / count, 1);
  };
  const double scale = 1 / std::sqrt(static_cast<double>(config_.head_dim));
  return {heads(q_proj_(u), config_.heads) * scale, heads(k_proj_(u), config_.kv_heads),
          heads(v_proj_(u), config_.kv_heads), at::log_sigmoid(g_proj_(u)).transpose(1, 2)};
}

at::Tensor Gla::mixing(const at::Tensor& u) const {
  const Parts now = parts(u);
  const at::Tensor sum = now.log_gate.cumsum(-1);
  const at::Tensor decay = (sum.unsqueeze(-1) - sum.unsqueeze(-2)).tril().exp().tril();
  return at::matmul(now.q, now.k.transpose(-1, -2)) * decay;
}

at::Tensor Gla::inner(const at::Tensor& u) const {
  return at::matmul(mixing(u), parts(u).v).transpose(1, 2).flatten(2);
}

std::pair<at::Tensor, at::Tensor> Gla::run(const Parts& now, const at::Tensor& state) const {
  at::Tensor s = state;
  std::vector<at::Tensor> out;
  for (int64_t t = 0; t < now.q.size(2); ++t) {
    s = s * now.log_gate.select(2, t).exp().unsqueeze(-1).unsqueeze(-1) +
        now.k.select(2, t).unsqueeze(-1) * now.v.select(2, t).unsqueeze(-2);
    out.push_back(at::matmul(now.q.select(2, t).unsqueeze(-2), s.to(now.q.scalar_type())).squeeze(-2));
  }
  return {at::stack(out, 1).flatten(2), s};
}

LayerMemory Gla::make_memory(const MemorySize& size) const {
  const auto type = q_proj_.weight.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  return {.pages = {},
          .slots = {at::zeros({size.slots, config_.heads, config_.head_dim, config_.head_dim},
                              q_proj_.weight.options().dtype(type))}};
}

at::Tensor Gla::extend(const at::Tensor& u, const Batch& batch, LayerMemory& memory) const {
  Parts now = parts(batch.rows(u));
  const at::Tensor padding = batch.is_padding();
  if (padding.defined()) {  // padding neither decays the state nor adds to it
    now.log_gate = now.log_gate.masked_fill(padding.unsqueeze(1), 0);
    now.k = now.k.masked_fill(padding.unsqueeze(1).unsqueeze(-1), 0);
  }
  const auto [y, state] = run(now, read_slots(memory.slots[0], batch));
  write_slots(memory.slots[0], state, batch);
  return o_proj_(batch.tokens(y));
}

void Gla::parameters(const std::string& prefix, const ParameterVisitor& visit) {
  visit_linear(prefix + ".q_proj", q_proj_, visit);
  visit_linear(prefix + ".k_proj", k_proj_, visit);
  visit_linear(prefix + ".v_proj", v_proj_, visit);
  visit_linear(prefix + ".g_proj", g_proj_, visit);
  visit_linear(prefix + ".o_proj", o_proj_, visit);
}

}  // namespace zebra
