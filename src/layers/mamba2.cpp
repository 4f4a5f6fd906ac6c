#include "layers/mamba2.h"

#include "layers/parameters.h"
#include "ops/causal_conv.h"
#include "ops/gated_group_norm.h"
#include "ops/ssd.h"

namespace zebra {

Mamba2::Mamba2(const Mamba2Config& config, at::TensorOptions options, Ropes&)
    : config_(config),
      in_proj_(make_linear(config.hidden, 2 * config.d_inner() + 2 * config.d_xb() + config.heads, false, options)),
      out_proj_(make_linear(config.d_inner(), config.hidden, false, options)),
      conv1d_weight_(at::empty({config_.channels(), 1, config.conv_width}, options)),
      conv1d_bias_(at::empty({config_.channels()}, options)),
      A_log_(make_fp32_vector(config.heads, options)),
      D_(make_fp32_vector(config.heads, options)),
      dt_bias_(make_fp32_vector(config.heads, options)),
      norm_{make_fp32_vector(config.d_inner(), options), config.norm_eps} {}

at::Tensor Mamba2::conv_input(const at::Tensor& xbc) const {
  if (!config_.repeat_kv_before_conv || config_.heads == config_.kv_heads) return xbc;
  const int64_t batch = xbc.size(0), length = xbc.size(1);
  const auto repeat = [&](int64_t start) {
    return xbc.narrow(-1, start, config_.d_xb())
        .view({batch, length, config_.kv_heads, 1, config_.head_dim})
        .expand({batch, length, config_.kv_heads, config_.heads / config_.kv_heads, config_.head_dim})
        .reshape({batch, length, config_.d_inner()});
  };
  return at::cat({repeat(0), repeat(config_.d_xb()), xbc.narrow(-1, 2 * config_.d_xb(), config_.d_inner())}, -1);
}

Mamba2::Parts Mamba2::parts(const at::Tensor& projected, const at::Tensor& past) const {
  const int64_t batch = projected.size(0), length = projected.size(1), dim = config_.head_dim;
  const int64_t d_inner = config_.d_inner(), d_xb = config_.d_xb();
  const int64_t shared = config_.repeat_kv_before_conv ? config_.heads : config_.kv_heads;
  // One split instead of slices: their gradients come back as one tensor, not as a sum of padded ones.
  const auto pieces = at::split_with_sizes(projected, {d_inner, 2 * d_xb + d_inner, config_.heads}, -1);
  Parts out;
  out.z = pieces[0], out.input = conv_input(pieces[1]);
  out.dt = at::softplus(pieces[2].to(dt_bias_.scalar_type()) + dt_bias_);
  const at::Tensor xbc = ops::causal_conv_silu(out.input, conv1d_weight_.squeeze(1), conv1d_bias_, past);
  const auto heads = at::split_with_sizes(xbc, {shared * dim, shared * dim, d_inner}, -1);
  out.x = heads[0].view({batch, length, shared, dim});
  out.b = heads[1].view({batch, length, shared, dim});
  out.c = heads[2].view({batch, length, config_.heads, dim});
  return out;
}

at::Tensor Mamba2::gated(const at::Tensor& y, const at::Tensor& z) const {
  return ops::gated_group_norm(y.flatten(2), z, norm_.weight, config_.head_dim, norm_.eps);
}

at::Tensor Mamba2::mixing(const at::Tensor& u) const {
  const Parts now = parts(in_proj_(u), {});
  return ops::ssd_matrix(now.dt, A_log_.exp().neg(), now.b, now.c, D_);
}

at::Tensor Mamba2::inner(const at::Tensor& u) const {
  const Parts now = parts(in_proj_(u), {});
  return gated(ops::ssd(now.x, now.dt, A_log_.exp().neg(), now.b, now.c, D_), now.z);
}

LayerMemory Mamba2::make_memory(const MemorySize& size) const {
  return {.pages = {},
          .slots = {at::zeros({size.slots, config_.conv_width - 1, config_.channels()}, in_proj_.weight.options()),
                    at::zeros({size.slots, config_.heads, config_.head_dim, config_.head_dim}, A_log_.options())}};
}

at::Tensor Mamba2::extend(const at::Tensor& u, const Batch& batch, LayerMemory& memory) const {
  const at::Tensor past = read_slots(memory.slots[0], batch);
  Parts now = parts(batch.rows(in_proj_(u)), past);
  // A step of length 0 leaves the state as it is, whatever stands in the padding.
  const at::Tensor padding = batch.is_padding();
  if (padding.defined()) now.dt = now.dt.masked_fill(padding.unsqueeze(-1), 0);

  // The last inputs of each sequence, which follow its length of this call.
  const int64_t keep = config_.conv_width - 1;
  at::Tensor inputs = at::cat({past, now.input}, 1);  // [S, W - 1 + L, channels]
  if (batch.even()) {
    inputs = inputs.narrow(1, batch.longest(), keep);
  } else {
    const at::Tensor lengths = batch.cu_lengths.diff().unsqueeze(1);
    const at::Tensor last = (lengths + at::arange(keep, lengths.options())).unsqueeze(-1);
    inputs = inputs.gather(1, last.expand({-1, -1, inputs.size(2)}));
  }
  write_slots(memory.slots[0], inputs, batch);

  at::Tensor next;
  const at::Tensor y = ops::ssd(now.x, now.dt, A_log_.exp().neg(), now.b, now.c, D_, read_slots(memory.slots[1], batch),
                                &next);  // [S, L, H, P]
  write_slots(memory.slots[1], next, batch);
  return out_proj_(batch.tokens(gated(y, now.z)));
}

void Mamba2::parameters(const std::string& prefix, const ParameterVisitor& visit) {
  visit_linear(prefix + ".in_proj", in_proj_, visit);
  visit({prefix + ".conv1d.weight", Role::filter}, conv1d_weight_);
  visit({prefix + ".conv1d.bias", Role::filter}, conv1d_bias_);
  visit({prefix + ".A_log", Role::decay}, A_log_);
  visit({prefix + ".D", Role::skip}, D_);
  visit({prefix + ".dt_bias", Role::step}, dt_bias_);
  visit({prefix + ".norm.weight", Role::norm}, norm_.weight);
  visit_linear(prefix + ".out_proj", out_proj_, visit);
}

}  // namespace zebra
