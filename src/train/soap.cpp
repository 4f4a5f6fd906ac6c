#include "train/soap.h"

#include <algorithm>
#include <cmath>

namespace zebra {

namespace {

constexpr int64_t kEvery = 10;  // steps between turns
constexpr double kTiny = 1e-30;

SoapSide make_side(const at::Tensor& weight, int64_t n) {
  if (!soap_turns(n, std::min(weight.size(1), weight.size(2)))) return {};
  const at::Tensor one = at::eye(n, weight.options());
  return {at::zeros({weight.size(0), n, n}, weight.options()), one.expand({weight.size(0), n, n}).clone()};
}

at::Tensor to_bases(const SoapState& state, at::Tensor x) {
  if (state.left.basis.defined()) x = state.left.basis.transpose(1, 2).bmm(x);
  return state.right.basis.defined() ? x.bmm(state.right.basis) : x;
}

at::Tensor from_bases(const SoapState& state, at::Tensor x) {
  if (state.left.basis.defined()) x = state.left.basis.bmm(x);
  return state.right.basis.defined() ? x.bmm(state.right.basis.transpose(1, 2)) : x;
}

void learn(const SoapState& state, const at::Tensor& grad, double beta) {
  const at::Tensor turned = grad.transpose(1, 2);
  if (state.left.basis.defined()) state.left.covariance.baddbmm_(grad, turned, beta, 1 - beta);
  if (state.right.basis.defined()) state.right.covariance.baddbmm_(turned, grad, beta, 1 - beta);
}

void first_basis(const SoapSide& side) {
  if (side.basis.defined()) side.basis.copy_(std::get<1>(at::linalg_eigh(side.covariance.to(at::kDouble))).flip(2));
}

// The columns of x [N, n, n] orthonormalised from the first on. They nearly are, once they have length 1, and then
// Cholesky's way is many times faster than Householder's on a GPU; the second pass removes what rounding left.
at::Tensor orthonormal(at::Tensor x) {
  for (int pass = 0; pass < 2; ++pass) {
    x = x / at::linalg_vector_norm(x, 2, {1}, true).clamp_min(kTiny);
    const auto [factor, info] = at::linalg_cholesky_ex(x.transpose(1, 2).bmm(x));
    if (info.any().item<bool>()) return std::get<0>(at::linalg_qr(x));
    x = at::linalg_solve_triangular(factor.transpose(1, 2), x, /*upper=*/true, /*left=*/false);
  }
  return x;
}

// One orthogonal iteration, in double: eigenvectors of covariances that moved a little. Returns the new order of the
// old columns, int64 [N, n].
at::Tensor turn(const SoapSide& side) {
  const at::Tensor basis = side.basis.to(at::kDouble);
  at::Tensor image = side.covariance.to(at::kDouble).bmm(basis);
  // Directions without any gradient stay where they are.
  image = at::where(at::linalg_vector_norm(image, 2, {1}, true) > kTiny, image, basis * kTiny);
  const at::Tensor order = (basis * image).sum(1).argsort(/*stable=*/true, 1, /*descending=*/true);
  side.basis.copy_(orthonormal(image.gather(2, order.unsqueeze(1).expand_as(image))));
  return order;
}

}  // namespace

SoapState soap_state(const at::Tensor& weight) {
  return {make_side(weight, weight.size(1)), make_side(weight, weight.size(2))};
}

void soap_step(const at::Tensor& weight, const at::Tensor& grad, const at::Tensor& m, const at::Tensor& v,
               const SoapState& state, const ops::AdamWStep& step) {
  const at::Tensor g = grad * step.grad_scale;
  if (step.step == 1) {
    learn(state, g, 0);
    first_basis(state.left);
    first_basis(state.right);
    return;
  }
  const at::Tensor turned = to_bases(state, g);
  m.mul_(step.beta1).add_(turned, 1 - step.beta1);
  v.mul_(step.beta2).addcmul_(turned, turned, 1 - step.beta2);
  const double steps = static_cast<double>(step.step - 1);
  const double m_sum = 1 - std::pow(step.beta1, steps), v_sum = 1 - std::pow(step.beta2, steps);
  const at::Tensor change = (m / m_sum).div_((v / v_sum).sqrt_().add_(step.eps));
  weight.mul_(1 - step.lr * step.weight_decay).sub_(from_bases(state, change), step.lr);
  learn(state, g, step.beta2);
  if (step.step % kEvery != 0) return;
  const at::Tensor momentum = from_bases(state, m);
  if (state.left.basis.defined()) v.copy_(v.gather(1, turn(state.left).unsqueeze(2).expand_as(v)));
  if (state.right.basis.defined()) v.copy_(v.gather(2, turn(state.right).unsqueeze(1).expand_as(v)));
  m.copy_(to_bases(state, momentum));
}

}  // namespace zebra
