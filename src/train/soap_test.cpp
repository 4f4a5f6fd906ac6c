#include "train/soap.h"

#include <gtest/gtest.h>

namespace zebra {
namespace {

// Deterministic numbers: a seeded generator would be shared with other tests.
at::Tensor numbers(std::vector<int64_t> shape, double phase) {
  int64_t count = 1;
  for (const int64_t n : shape) count *= n;
  return at::sin(at::arange(count, at::kFloat).square() * 0.37 + phase).view(shape);
}

at::Tensor off_diagonal(const at::Tensor& x) {
  return x - at::diag_embed(x.diagonal(0, 1, 2));
}

void expect_orthonormal(const SoapSide& side) {
  const at::Tensor one = at::eye(side.basis.size(1)).expand_as(side.basis);
  EXPECT_TRUE(at::allclose(side.basis.transpose(1, 2).bmm(side.basis), one, 0, 1e-5));
}

TEST(Soap, IsAdamInItsBases) {
  at::Tensor weight = numbers({2, 4, 4}, 0.1);
  const SoapState state = soap_state(weight);
  state.left.basis.copy_(std::get<0>(at::linalg_qr(numbers({2, 4, 4}, 1))));
  state.right.basis.copy_(std::get<0>(at::linalg_qr(numbers({2, 4, 4}, 2))));
  const auto turned = [&](const at::Tensor& x) {
    return state.left.basis.transpose(1, 2).bmm(x).bmm(state.right.basis);
  };
  at::Tensor m = at::zeros_like(weight), v = at::zeros_like(weight);
  const at::Tensor expected = turned(weight), em = at::zeros_like(weight), ev = at::zeros_like(weight);
  ops::AdamWStep step{.lr = 0.03, .weight_decay = 0.1, .grad_scale = 0.5};
  for (step.step = 2; step.step < 8; ++step.step) {  // step 1 only learns, step 10 turns
    const at::Tensor grad = numbers({2, 4, 4}, static_cast<double>(step.step));
    soap_step(weight, grad, m, v, state, step);
    ops::AdamWStep plain = step;
    plain.step = step.step - 1;
    ops::reference::adamw(expected, turned(grad), em, ev, plain);
  }
  EXPECT_TRUE(at::allclose(turned(weight), expected, 1e-4, 1e-5));
}

TEST(Soap, BasesBecomeEigenvectors) {
  // Gradients L z R with fixed L and R: the covariances are about L L^T and R^T R.
  at::Tensor weight = at::zeros({2, 6, 6}), m = at::zeros_like(weight), v = at::zeros_like(weight);
  const at::Tensor left = numbers({2, 6, 6}, 3), right = numbers({2, 6, 6}, 4);
  const SoapState state = soap_state(weight);
  ops::AdamWStep step{.lr = 0, .beta2 = 0.999};
  for (step.step = 1; step.step <= 1000; ++step.step) {
    const at::Tensor z = numbers({2, 6, 6}, static_cast<double>(step.step));
    soap_step(weight, left.bmm(z).bmm(right), m, v, state, step);
  }
  for (const SoapSide* side : {&state.left, &state.right}) {
    expect_orthonormal(*side);
    const at::Tensor inner = side->basis.transpose(1, 2).bmm(side->covariance).bmm(side->basis);
    const at::Tensor values = inner.diagonal(0, 1, 2);
    EXPECT_LT(off_diagonal(inner).abs().max().item<double>(), 0.02 * values.max().item<double>());
    EXPECT_GE((values.slice(1, 0, -1) - values.slice(1, 1)).min().item<double>(), -1e-3 * values.max().item<double>());
  }
}

TEST(Soap, MomentsFollowTheColumnsTheyBelongTo) {
  at::Tensor weight = at::zeros({1, 3, 4}), m = at::zeros_like(weight), v = at::arange(12, at::kFloat).view({1, 3, 4});
  m.select(1, 0).fill_(1);
  const SoapState state = soap_state(weight);
  state.left.covariance.copy_(at::diag(at::tensor(std::vector<float>{1, 5, 3})).unsqueeze(0));
  soap_step(weight, weight.clone(), m, v, state, {.lr = 0, .beta1 = 0.5, .beta2 = 0.5, .step = 10});
  const at::Tensor order = at::tensor(std::vector<int64_t>{1, 2, 0});
  EXPECT_TRUE(at::equal(v[0], at::arange(12, at::kFloat).view({3, 4}).index_select(0, order) / 2)) << v;
  EXPECT_TRUE(at::equal(state.left.basis[0].abs().argmax(0), order));
  EXPECT_TRUE(at::equal(m[0].abs(), at::tensor(std::vector<float>{0, 0, 0.5}).unsqueeze(1).expand({3, 4}))) << m;
}

TEST(Soap, RankOneAndZeroGradientsKeepTheBasesWhole) {
  for (const double size : {1.0, 0.0}) {
    at::Tensor weight = at::ones({1, 5, 5}), m = at::zeros_like(weight), v = at::zeros_like(weight);
    const SoapState state = soap_state(weight);
    ops::AdamWStep step{.lr = 0.1};
    for (step.step = 1; step.step <= 40; ++step.step) {
      soap_step(weight, numbers({1, 5, 1}, 5).bmm(numbers({1, 1, 5}, 6)) * size, m, v, state, step);
    }
    expect_orthonormal(state.left);
    expect_orthonormal(state.right);
    EXPECT_TRUE(weight.isfinite().all().item<bool>());
    EXPECT_EQ(at::equal(weight, at::ones({1, 5, 5})), size == 0);
  }
}

TEST(Soap, TurnsTheShorterSideOrBothOfASquare) {
  const auto turned = [](int64_t rows, int64_t columns) {
    const SoapState state = soap_state(at::empty({1, rows, columns}));
    return std::make_pair(state.left.basis.defined(), state.right.basis.defined());
  };
  EXPECT_EQ(turned(6, 6), std::make_pair(true, true));
  EXPECT_EQ(turned(6, 4), std::make_pair(false, true));
  EXPECT_EQ(turned(4, 6), std::make_pair(true, false));
  EXPECT_EQ(turned(5000, 5001), std::make_pair(false, false));
}

}  // namespace
}  // namespace zebra
