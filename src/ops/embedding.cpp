#include "ops/embedding.h"

#include "ops/autograd.h"

namespace zebra::ops {

namespace {

// ATen's own sums in the dtype of the gradient: in bf16 a thousand ones make 256. Only rows that occur are summed: a
// table of a large vocabulary in fp32 would be twice the weights.
at::Tensor summed_rows(const at::Tensor& grad, const at::Tensor& ids, at::IntArrayRef shape) {
  const auto [tokens, places, counts] = at::_unique2(ids.flatten(), /*sorted=*/true, /*return_inverse=*/true);
  const at::Tensor rows = grad.reshape({-1, shape[1]}).to(at::kFloat);
  const at::Tensor sums = at::embedding_dense_backward(rows, places, tokens.size(0), /*padding_idx=*/-1,
                                                       /*scale_grad_by_freq=*/false);
  return at::zeros(shape, grad.options()).index_copy_(0, tokens, sums.to(grad.scalar_type()));
}

}  // namespace

at::Tensor embedding(const at::Tensor& weight, const at::Tensor& ids) {
  if (weight.scalar_type() == at::kFloat || weight.scalar_type() == at::kDouble) return at::embedding(weight, ids);
  return differentiable(
      {weight}, [&](bool) { return Computed{{at::embedding(weight, ids)}, {}}; },
      [ids, shape = weight.sizes().vec()](const Tensors&, const Tensors& outer) -> Tensors {
        return {summed_rows(outer[0], ids, shape)};
      })[0];
}

namespace reference {

at::Tensor embedding(const at::Tensor& weight, const at::Tensor& ids) {
  const auto type = weight.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  return at::embedding(weight.to(type), ids).to(weight.scalar_type());
}

}  // namespace reference

}  // namespace zebra::ops
