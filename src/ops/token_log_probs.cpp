#include "ops/token_log_probs.h"

#include "ops/compute_type.h"
#include "ops/head_chunks.h"

namespace zebra::ops {

at::Tensor reference::token_log_probs(const at::Tensor& hidden, const at::Tensor& head, const at::Tensor& targets) {
  const at::Tensor logits = at::mm(hidden, head.t()).to(compute_type(hidden)).log_softmax(-1);
  return logits.gather(1, targets.unsqueeze(1)).squeeze(1);
}

at::Tensor token_log_probs(const at::Tensor& hidden, const at::Tensor& head, const at::Tensor& targets) {
  TORCH_CHECK(hidden.size(0) == targets.size(0), "token_log_probs: ", hidden.size(0), " hidden states do not go with ",
              targets.size(0), " targets");
  TORCH_CHECK(
      targets.numel() == 0 || (targets.min().item<int64_t>() >= 0 && targets.max().item<int64_t>() < head.size(0)),
      "token_log_probs: a target is not among the ", head.size(0), " rows of the head");
  const auto compute = [&](bool) -> Computed {
    const at::Tensor wanted = targets.contiguous();
    const at::Tensor out = at::empty({hidden.size(0)}, hidden.options().dtype(compute_type(hidden)));
    for_head_chunks(hidden, head, [&](int64_t first, const at::Tensor& rows, const at::Tensor& logits) {
      const int64_t n = rows.size(0);
      out.narrow(0, first, n).copy_(-cross_entropy_of_rows(wanted.narrow(0, first, n), logits, 1));
    });
    return {{out}, {hidden, head, wanted}};
  };
  const Backward backward = [](const Tensors& saved, const Tensors& outer) -> Tensors {
    const at::Tensor &states = saved[0], &matrix = saved[1], &wanted = saved[2];
    HeadGradients gradients(states, matrix, true);
    for_head_chunks(states, matrix, [&](int64_t first, const at::Tensor& rows, const at::Tensor& logits) {
      const int64_t n = rows.size(0);
      cross_entropy_of_rows(wanted.narrow(0, first, n), logits, -1);
      logits.mul_(outer[0].narrow(0, first, n).unsqueeze(1));
      gradients.add(first, rows, logits);
    });
    return gradients.result();
  };
  return differentiable({hidden, head}, compute, backward)[0];
}

}  // namespace zebra::ops
