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
  at::Tensor weight = numbers({2, 4, 3}, 0.1);
  const SoapState state = soap_state(weight);
  state.left.basis.copy_(std::get<0>(at::linalg_qr(numbers({2, 4, 4}, 1))));
  state.right.basis.copy_(std::get<0>(at::linalg_qr(numbers({2, 3, 3}, 2))));
  const auto turned = [&](const at::Tensor& x) {
    return state.left.basis.transpose(1, 2).bmm(x).bmm(state.right.basis);
  };
  at::Tensor m = at::zeros_like(weight), v = at::zeros_like(weight);
  const at::Tensor expected = turned(weight), em = at::zeros_like(weight), ev = at::zeros_like(weight);
  ops::AdamWStep step{.lr = 0.03, .weight_decay = 0.1, .grad_scale = 0.5};
  for (step.step = 2; step.step < 8; ++step.step) {  // step 1 only learns, step 10 turns
    const at::Tensor grad = numbers({2, 4, 3}, static_cast<double>(step.step));
    soap_step(weight, grad, m, v, state, step);
    ops::AdamWStep plain = step;
    plain.step = step.step - 1;
    ops::reference::adamw(expected, turned(grad), em, ev, plain);
  }
  EXPECT_TRUE(at::allclose(turned(weight), expected, 1e-4, 1e-5));
}

TEST(Soap, BasesBecomeEigenvectors) {
  // Gradients L z R with fixed L and R: the covariances are about L L^T and R^T R.
  at::Tensor weight = at::zeros({2, 6, 4}), m = at::zeros_like(weight), v = at::zeros_like(weight);
  const at::Tensor left = numbers({2, 6, 6}, 3), right = numbers({2, 4, 4}, 4);
  const SoapState state = soap_state(weight);
  ops::AdamWStep step{.lr = 0, .beta2 = 0.999};
  for (step.step = 1; step.step <= 1000; ++step.step) {
    const at::Tensor z = numbers({2, 6, 4}, static_cast<double>(step.step));
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

TEST(Soap, SecondMomentsFollowTheColumnsTheyBelongTo) {
  at::Tensor weight = at::zeros({1, 3, 2}), m = at::zeros_like(weight);
  at::Tensor v = at::arange(6, at::kFloat).view({1, 3, 2});
  const SoapState state = soap_state(weight);
  const auto diagonal = [](std::vector<float> values) { return at::diag(at::tensor(values)).unsqueeze(0); };
  state.left.covariance.copy_(diagonal({1, 5, 3}));
  state.right.covariance.copy_(diagonal({1, 2}));
  soap_step(weight, weight.clone(), m, v, state, {.lr = 0, .beta2 = 0.5, .step = 10});
  const at::Tensor expected = at::tensor(std::vector<float>{3, 2, 5, 4, 1, 0}).view({1, 3, 2}) / 2;
  EXPECT_TRUE(at::equal(v, expected)) << v;
  EXPECT_TRUE(at::equal(state.left.basis[0].abs().argmax(0), at::tensor(std::vector<int64_t>{1, 2, 0})));
}

TEST(Soap, RankOneAndZeroGradientsKeepTheBasesWhole) {
  for (const double size : {1.0, 0.0}) {
    at::Tensor weight = at::ones({1, 5, 3}), m = at::zeros_like(weight), v = at::zeros_like(weight);
    const SoapState state = soap_state(weight);
    ops::AdamWStep step{.lr = 0.1};
    for (step.step = 1; step.step <= 40; ++step.step) {
      soap_step(weight, numbers({1, 5, 1}, 5).bmm(numbers({1, 1, 3}, 6)) * size, m, v, state, step);
    }
    expect_orthonormal(state.left);
    expect_orthonormal(state.right);
    EXPECT_TRUE(weight.isfinite().all().item<bool>());
    EXPECT_EQ(at::equal(weight, at::ones({1, 5, 3})), size == 0);
  }
}

TEST(Soap, LeavesAVocabularyUnturned) {
  const SoapState state = soap_state(at::empty({1, 5000, 8}));
  EXPECT_FALSE(state.left.basis.defined());
  EXPECT_EQ(state.right.basis.size(1), 8);
}

}  // namespace
}  // namespace zebra
