#pragma once
// SOAP (Vyas et al. 2024, arXiv:2409.11321): Adam in the slowly turning eigenbases of a matrix's gradient covariances
// (Shampoo's), in which its entries are nearly independent and Adam's diagonal has the right shape.
// N matrices of one shape [R, C] step together.
#include <ATen/ATen.h>

#include "ops/adamw.h"

namespace zebra {

// Whether a side of n entries is turned: the shorter one (both of a square), up to a size that is worth it. With the
// longer one turned as well a step costs three times as much, and on stories260k training was no better for it.
inline bool soap_turns(int64_t n, int64_t shorter) {
  return n == shorter && n <= 4096;
}

// Rows or columns of n entries; both undefined where they are not turned.
struct SoapSide {
  at::Tensor covariance, basis;  // [N, n, n] fp32: running mean of G G^T; its eigenvectors as columns, largest first
};

struct SoapState {
  SoapSide left, right;
};

// Zero covariances and identity bases for `weight` [N, R, C].
SoapState soap_state(const at::Tensor& weight);

// One step of `weight` [N, R, C] in place. `m` and `v` are in the bases, which one orthogonal iteration turns every 10
// steps. The first step only learns the bases.
void soap_step(const at::Tensor& weight, const at::Tensor& grad, const at::Tensor& m, const at::Tensor& v,
               const SoapState& state, const ops::AdamWStep& step);

}  // namespace zebra
