#include "ops/head_chunks.h"

#include <algorithm>

#include "ops/compute_type.h"

namespace zebra::ops {

namespace {

// Elements of one chunk of logits: on the CPU small enough for the cache, elsewhere large enough for one launch.
constexpr int64_t kCpuElements = int64_t{1} << 17, kDeviceElements = int64_t{1} << 24;
constexpr int64_t kFewestRows = 64;  // fewer make poor matrix products

}  // namespace

void for_head_chunks(const at::Tensor& hidden, const at::Tensor& head, const EachChunk& each) {
  const int64_t tokens = hidden.size(0), elements = hidden.is_cpu() ? kCpuElements : kDeviceElements;
  const int64_t chunk = std::max(kFewestRows, elements / head.size(0));
  const auto type = compute_type(hidden);
  at::Tensor buffer = at::empty({std::min(chunk, tokens), head.size(0)}, hidden.options());
  for (int64_t first = 0; first < tokens; first += chunk) {
    const at::Tensor rows = hidden.narrow(0, first, std::min(chunk, tokens - first));
    at::Tensor logits = buffer.narrow(0, 0, rows.size(0));
    at::mm_out(logits, rows, head.t());
    each(first, rows, logits.to(type));
  }
}

HeadGradients::HeadGradients(const at::Tensor& hidden, const at::Tensor& head, bool keep) : head_(head) {
  if (keep && hidden.requires_grad()) d_hidden_ = at::empty(hidden.sizes(), hidden.options());
  if (keep && head.requires_grad()) d_head_ = at::zeros(head.sizes(), head.options().dtype(compute_type(hidden)));
}

void HeadGradients::add(int64_t first, const at::Tensor& rows, const at::Tensor& d_logits) {
  const at::Tensor same = d_logits.to(rows.scalar_type());
  if (d_hidden_.defined()) {
    at::Tensor part = d_hidden_.narrow(0, first, rows.size(0));
    at::mm_out(part, same, head_);
  }
  if (!d_head_.defined()) return;
  if (d_head_.scalar_type() == rows.scalar_type())
    d_head_.addmm_(same.t(), rows);
  else
    d_head_.add_(at::mm(same.t(), rows));
}

Tensors HeadGradients::result() const {
  return {d_hidden_, d_head_.defined() ? d_head_.to(head_.scalar_type()) : d_head_};
}

at::Tensor SecondLogits::of(int64_t first, int64_t n, at::ScalarType type) {
  if (!buffer_.defined()) buffer_ = at::empty({n, head_.size(0)}, hidden_.options());
  at::Tensor logits = buffer_.narrow(0, 0, n);
  at::mm_out(logits, hidden_.narrow(0, first, n), head_.t());
  return logits.to(type);
}

Tensors scaled_gradients(const Tensors& saved, const Tensors& outer) {
  Tensors result = saved;
  for (auto& gradient : result) {
    if (gradient.defined()) gradient = gradient * outer[0].to(gradient.scalar_type());
  }
  return result;
}

at::Tensor mean_head_loss(const at::Tensor& hidden, const at::Tensor& head, const ChunkLoss& chunk_loss) {
  const int64_t tokens = hidden.size(0);
  const double share = tokens > 0 ? 1.0 / static_cast<double>(tokens) : 0;
  const auto compute = [&](bool keep) -> Computed {
    const at::Tensor sum = at::zeros({}, hidden.options().dtype(at::kDouble));
    HeadGradients gradients(hidden, head, keep);
    for_head_chunks(hidden, head, [&](int64_t first, const at::Tensor& rows, const at::Tensor& logits) {
      sum.add_(chunk_loss(first, logits, share));
      gradients.add(first, rows, logits);
    });
    return {{(sum * share).to(compute_type(hidden))}, gradients.result()};
  };
  return differentiable({hidden, head}, compute, scaled_gradients)[0];
}

at::Tensor cross_entropy_of_rows(const at::Tensor& targets, const at::Tensor& logits, double share) {
  if (has_cpu_kernels(logits)) {
    return losses_of_rows(logits, [&](auto zero, double* losses, int64_t begin, int64_t end) {
      using T = decltype(zero);
      const kernels::CrossEntropyRows<T> params{logits.size(1), targets.const_data_ptr<int64_t>(), pointer<T>(logits),
                                                share, losses};
      kernels::cpu<T>().cross_entropy_rows(params, begin, end);
    });
  }
  const at::Tensor found = logits.log_softmax(-1), index = targets.unsqueeze(1);
  const at::Tensor losses = -found.gather(1, index).squeeze(1);
  logits.copy_(found.exp().scatter_add_(1, index, at::full(index.sizes(), -1, logits.options())) * share);
  return losses;
}

}  // namespace zebra::ops
