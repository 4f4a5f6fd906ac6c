#pragma once
// Dense algebra of the initialisations, in float64. Gram matrices and eigenvectors stand in for SVDs of large
// matrices: a joint SVD of A C^(1/2) needs only the eigenvectors of A C A^T.
#include <ATen/ATen.h>

namespace zebra {

// Symmetric positive semi-definite M [.., n, n] to a real power; `ridge` times the mean of the diagonal is added first.
at::Tensor symmetric_power(const at::Tensor& matrix, double power, double ridge);

// M + ridge * mean(diag M) * I.
at::Tensor with_ridge(const at::Tensor& matrix, double ridge);

// X of M X = rhs for a symmetric positive definite M (Cholesky; falls back to a larger ridge if M is singular).
at::Tensor solve_positive(const at::Tensor& matrix, const at::Tensor& rhs);

// Eigenvectors of the `count` largest eigenvalues of a symmetric or Hermitian matrix, largest first: [n, count].
// Signs are fixed (the entry of largest magnitude is positive), so that a conversion can be repeated bit for bit.
at::Tensor top_eigenvectors(const at::Tensor& matrix, int64_t count);

// Best rank-`count` factors of a plain matrix A [n, m] = up [n, count] down [count, m] (up has orthonormal columns).
struct Factors {
  at::Tensor up, down;
};
Factors truncated_svd(const at::Tensor& matrix, int64_t count);

}  // namespace zebra
